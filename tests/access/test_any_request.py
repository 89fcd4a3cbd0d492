"""Whatever a request holds, it is judged on well-formed resources, and nothing is raised."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import offered
from modelyard.access.policy import action_tables, actions
from tests.access.asking import ACCOUNT, ASKER, OTHER, SAGEMAKER, THEIRS, is_well_formed
from tests.access.inexact import PACKAGES
from tests.contract.other_side import OtherSide
from tests.contract.shape_strategies import structures

EXAMPLES = 600  # over all operations
_OPERATIONS = [(service, name) for service, found in offered.names().items() for name in found]
_NAMES = st.sampled_from(
    [
        "churn",
        "churn/1",
        *(f"{SAGEMAKER}{kind}/churn" for kind in ("model-package-group", "model-package", "model")),
        f"{THEIRS}model-package/churn/1",
        f"{THEIRS}model-package-group/churn",
        f"arn:aws:iam::{OTHER}:role/deploy",
        f"arn:aws:iam::{ACCOUNT}:policy/team/p",
        *PACKAGES[:20],
    ]
)


def _named(data: st.DataObject, service: str, name: str, request: dict[str, Any]) -> None:
    """Put names that mean something where the operation's resources are named."""
    entry = action_tables.load(service).operations[name]
    for judged_ in action_tables.judged(entry):
        paths = [judged_.of] if isinstance(judged_.of, str) else list(judged_.of)
        for path in paths:
            if path in request and isinstance(request[path], str):
                request[path] = data.draw(_NAMES | st.just(request[path]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(operation=st.sampled_from(_OPERATIONS), data=st.data())
def test_any_request_is_judged_on_well_formed_resources(
    operation: tuple[str, str], data: st.DataObject
) -> None:
    service, name = operation
    shape = _model(service, name)
    request = data.draw(structures(shape, 0)) if shape is not None else {}
    _named(data, service, name, request)

    checks = actions.checks(service, name, request, ASKER)

    assert checks or action_tables.load(service).operations[name].free
    for check in checks:
        is_well_formed(check)


_SIDES: dict[str, OtherSide] = {}


def _model(service: str, name: str) -> Any:
    """botocore's input shape; our own service has the same form and is read by ours."""
    if service == "modelyard":
        return None
    if service not in _SIDES:
        _SIDES[service] = OtherSide(service)
    return _SIDES[service].operation(name).input_shape


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(operation=st.sampled_from(_OPERATIONS), data=st.data())
def test_nothing_in_a_request_makes_the_judgement_fail(
    operation: tuple[str, str], data: st.DataObject
) -> None:
    """Members of any type: the operation's own validation is to answer, not an error of ours."""
    service, name = operation
    entry = action_tables.load(service).operations[name]
    roots = {"Tags", "VersionId", "Path", "Bucket", "ModelLifeCycle", "CustomerMetadataProperties"}
    for judged_ in action_tables.judged(entry):
        paths = [judged_.of] if isinstance(judged_.of, str) else list(judged_.of)
        roots |= {path.partition(".")[0].removesuffix("[]") for path in (*paths, *judged_.when)}
    request = data.draw(st.dictionaries(st.sampled_from(sorted(roots)), _JUNK, max_size=6))

    for check in actions.checks(service, name, request, ASKER):
        assert check.resource == "*" or check.resource.startswith("arn:aws:")
