import configparser

from hypothesis import given
from hypothesis import strategies as st

from modelyard.cli.aws_files import with_section

NAMES = st.sampled_from(["default", "profile work", "profile modelyard", "modelyard", "other"])
SETTINGS = st.sampled_from(["region", "endpoint_url", "output", "role_arn", "s3"])
LINES = st.one_of(
    st.builds("{} = {}".format, SETTINGS, st.sampled_from(["x", "a = b", "[y]", ""])),
    st.sampled_from(["", "# a comment", "; region = no", "    nested = 1"]),
)
SECTIONS = st.lists(st.tuples(NAMES, st.lists(LINES, max_size=4)), max_size=5)
WANTED = {"region": "us-east-1", "endpoint_url": "http://127.0.0.1:9000"}


def written(sections: list[tuple[str, list[str]]]) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections
    )


def others(text: str, section: str) -> list[str]:
    """The lines of all sections but this one, whose first occurrence counts."""
    kept: list[str] = []
    inside = seen = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line == f"[{section}]" and not seen
            seen = seen or inside
        if not inside:
            kept.append(line)
    return [line for line in kept if line]


@given(SECTIONS, NAMES)
def test_only_the_named_settings_of_the_named_section_change(
    sections: list[tuple[str, list[str]]], section: str
) -> None:
    before = written(sections)

    after = with_section(before, section, WANTED)

    assert others(after, section) == others(before, section)
    assert with_section(after, section, WANTED) == after


@given(
    st.dictionaries(NAMES, st.dictionaries(SETTINGS, st.sampled_from(["x", "y=z"])), max_size=4),
    NAMES,
)
def test_another_reader_finds_what_was_set_and_what_was_there(
    sections: dict[str, dict[str, str]], section: str
) -> None:
    before = "\n".join(
        f"[{name}]\n" + "\n".join(f"{key} = {value}" for key, value in settings.items())
        for name, settings in sections.items()
    )

    read = configparser.RawConfigParser(default_section="none at all")
    read.read_string(with_section(before, section, WANTED))

    found = {name: dict(read[name]) for name in read.sections()}
    assert found == {**sections, section: {**sections.get(section, {}), **WANTED}}
