"""Sections of AWS's configuration files, changed without touching a line of the others."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

_HEADER = re.compile(r"\s*\[\s*(?P<name>[^\]]+?)\s*\]\s*(?:[#;].*)?$")
_SETTING = re.compile(r"(?P<name>[A-Za-z0-9_]+)\s*=")


def paths() -> tuple[Path, Path]:
    """AWS's config and credentials files, as AWS's clients find them."""
    home = Path.home() / ".aws"
    config = os.environ.get("AWS_CONFIG_FILE") or home / "config"
    credentials = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"
    return Path(config).expanduser(), Path(credentials).expanduser()


def config_section(profile: str) -> str:
    """A profile's section in the config file; in the credentials file it is the bare name."""
    return "default" if profile == "default" else f"profile {profile}"


def set_section(path: Path, section: str, settings: Mapping[str, str | None]) -> None:
    """Set `settings` in `[section]` of the file; others of that section and all else stay.

    A setting of None is taken out.

    The file is replaced at once (never half written), readable by its owner only.
    """
    text = path.read_text() if path.exists() else ""
    _replace(path, with_section(text, section, settings))


def section(path: Path, name: str) -> dict[str, str]:
    """The settings of `[name]`; none where there is no such file or section."""
    lines = path.read_text().splitlines() if path.exists() else []
    start = next((i for i, line in enumerate(lines) if _names(line, name)), len(lines))
    found: dict[str, str] = {}
    for line in lines[start + 1 :]:
        if _HEADER.match(line):
            break
        if _SETTING.match(line):
            key, _, value = line.partition("=")
            found[key.strip()] = value.strip()
    return found


def with_section(text: str, section: str, settings: Mapping[str, str | None]) -> str:
    """`text` with the section's settings in place. Pure."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if _names(line, section)), None)
    written = [f"{name} = {value}" for name, value in settings.items() if value is not None]
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{section}]", *written]) + "\n"
    end = next((i for i in range(start + 1, len(lines)) if _HEADER.match(lines[i])), len(lines))
    kept = [line for line in lines[start + 1 : end] if not _sets(line, settings)]
    return "\n".join([*lines[: start + 1], *written, *kept, *lines[end:]]) + "\n"


def _names(line: str, section: str) -> bool:
    match = _HEADER.match(line)
    return match is not None and " ".join(match["name"].split()) == section


def _sets(line: str, settings: Mapping[str, str | None]) -> bool:
    match = _SETTING.match(line)
    return match is not None and match["name"] in settings


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
