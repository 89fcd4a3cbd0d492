"""What the tests of reliability share: clients of a server, and figures beside the verdicts."""

from collections.abc import Callable, Iterator

import pytest

Figure = Callable[[str, object], None]


@pytest.fixture
def figure(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Iterator[Figure]:
    """`figure("ready_seconds_max", 1.2)`: kept in the report, and shown with `-rA` or `-s`."""
    noted: dict[str, object] = {}

    def note(name: str, value: object) -> None:
        noted[name] = value
        record_property(name, value)

    yield note
    print(f"\n{request.node.name}: {noted}")  # noqa: T201 - pytest shows it when asked
