"""What AWS's user guide says of how policies are combined, rule by rule."""

from typing import Any

import pytest

from modelyard.access.policy import documents, evaluation, principals
from modelyard.access.policy.evaluation import Question, Request
from modelyard.call import Principal
from tests.access.policy.asking import (
    ALLOWED,
    DENIED,
    GET,
    HERE,
    NOT_ALLOWED,
    OBJECT,
    ROLE,
    ROOT,
    SESSION,
    THERE,
    USER,
    allow,
    ask,
    caller,
    decided,
    deny,
    document,
    identity,
    resource,
)

PACKAGES = f"arn:aws:sagemaker:us-east-1:{HERE}:model-package"


def but(**exception: Any) -> dict[str, Any]:
    """An Allow of everything except one element."""
    rest = {"Action": "*", "Resource": "*"}
    left_out = {name.removeprefix("Not") for name in exception}
    return {"Effect": "Allow", **exception, **{k: v for k, v in rest.items() if k not in left_out}}


def test_by_default_all_requests_are_implicitly_denied() -> None:
    assert decided(caller()) == NOT_ALLOWED
    assert decided(caller(USER, allow("s3:PutObject"))) == NOT_ALLOWED


def test_the_root_has_full_access_in_its_account_and_none_in_others() -> None:
    assert decided(caller(ROOT)) == ALLOWED
    assert decided(caller(ROOT), owner=THERE) == NOT_ALLOWED


def test_an_explicit_deny_overrides_an_allow_wherever_it_stands() -> None:
    yes, no = identity(allow()), identity(allow(), deny(GET))
    bucket = resource(deny(GET, Principal="*"))

    assert decided(caller(USER, allow(), deny(GET))) == DENIED
    assert decided(caller(USER, allow(), boundary=no)) == DENIED
    assert decided(caller(SESSION, allow(), session=(yes, no))) == DENIED
    assert decided(caller(USER, allow()), policy=bucket) == DENIED
    assert decided(caller(ROOT), policy=bucket) == DENIED


def test_a_deny_of_the_identity_beats_what_a_resource_grants_directly() -> None:
    bucket = resource(allow(GET, Principal={"AWS": USER}))

    assert decided(caller(USER, deny(GET)), policy=bucket) == DENIED


def test_a_boundary_limits_and_grants_nothing() -> None:
    reading = identity(allow("s3:Get*"))

    assert decided(caller(USER, allow(), boundary=reading)) == ALLOWED
    assert decided(caller(USER, allow(), boundary=reading), "s3:PutObject") == NOT_ALLOWED
    assert decided(caller(USER, boundary=reading)) == NOT_ALLOWED


def test_a_session_has_what_its_role_and_one_of_its_policies_allow() -> None:
    reading, writing = identity(allow("s3:Get*")), identity(allow("s3:Put*"))

    assert decided(caller(SESSION, allow(), session=(reading, writing))) == ALLOWED
    assert decided(caller(SESSION, allow(), session=(writing,))) == NOT_ALLOWED
    assert decided(caller(SESSION, allow(), session=())) == NOT_ALLOWED
    assert decided(caller(SESSION, allow("s3:Put*"), session=(reading,))) == NOT_ALLOWED


@pytest.mark.parametrize("named", [{"AWS": USER}, {"AWS": [ROLE, USER]}, "*", {"AWS": "*"}])
def test_a_grant_to_a_user_is_not_limited_by_an_implicit_deny_of_the_boundary(named: Any) -> None:
    limited = caller(USER, boundary=identity(allow("iam:*")))

    assert decided(limited, policy=resource(allow(GET, Principal=named))) == ALLOWED


@pytest.mark.parametrize("named", [{"AWS": SESSION}, "*"])
def test_a_grant_to_a_session_is_not_limited_by_its_policies(named: Any) -> None:
    limited = caller(
        SESSION, boundary=identity(allow("iam:*")), session=(identity(allow("iam:*")),)
    )

    assert decided(limited, policy=resource(allow(GET, Principal=named))) == ALLOWED


def test_a_grant_to_a_role_is_limited_by_boundary_and_session_policy() -> None:
    bucket = resource(allow(GET, Principal={"AWS": ROLE}))
    other = identity(allow("iam:*"))

    assert decided(caller(SESSION), policy=bucket) == ALLOWED
    assert decided(caller(SESSION, boundary=other), policy=bucket) == NOT_ALLOWED
    assert decided(caller(SESSION, session=(other,)), policy=bucket) == NOT_ALLOWED


@pytest.mark.parametrize("named", [HERE, ROOT])
def test_a_grant_to_an_account_is_the_accounts_to_hand_on(named: str) -> None:
    bucket = resource(allow(GET, Principal={"AWS": named}))

    assert decided(caller(), policy=bucket) == NOT_ALLOWED
    assert decided(caller(USER, allow(GET)), policy=bucket) == ALLOWED
    assert decided(caller(ROOT), policy=bucket) == ALLOWED


@pytest.mark.parametrize("named", [{"AWS": USER}, {"AWS": HERE}, "*"])
def test_another_accounts_resource_takes_both_sides(named: Any) -> None:
    bucket = resource(allow(GET, Principal=named))

    assert decided(caller(USER, allow(GET)), owner=THERE, policy=bucket) == ALLOWED
    assert decided(caller(), owner=THERE, policy=bucket) == NOT_ALLOWED
    assert decided(caller(USER, allow(GET)), owner=THERE) == NOT_ALLOWED
    limited = caller(USER, allow(GET), boundary=identity(allow("iam:*")))
    assert decided(limited, owner=THERE, policy=bucket) == NOT_ALLOWED
    by_root = decided(caller(ROOT), owner=THERE, policy=bucket)
    assert by_root == (NOT_ALLOWED if named == {"AWS": USER} else ALLOWED)


def test_a_session_of_another_account_is_limited_even_where_it_is_named() -> None:
    bucket = resource(allow(GET, Principal={"AWS": SESSION}))
    limited = caller(SESSION, allow(), session=(identity(allow("iam:*")),))

    assert decided(limited, owner=THERE, policy=bucket) == NOT_ALLOWED


@pytest.mark.parametrize(
    ("spared", "arn", "decision"),
    [
        ([USER, ROOT], USER, ALLOWED),
        ([USER, HERE], USER, ALLOWED),
        ([USER], USER, DENIED),
        ([ROOT], USER, DENIED),
        ([SESSION, ROLE, ROOT], SESSION, ALLOWED),
        ([SESSION, ROLE], SESSION, DENIED),
        ([SESSION, ROOT], SESSION, DENIED),
        ([ROOT], ROOT, ALLOWED),
        ([f"arn:aws:iam::{THERE}:root"], ROOT, DENIED),
    ],
)
def test_not_principal_spares_whom_it_names_with_role_and_account(
    spared: list[str], arn: str, decision: str
) -> None:
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": spared}, "Action": "*", "Resource": "*"}

    assert decided(caller(arn, allow()), policy=resource(statement)) == decision


def test_not_principal_in_an_allow_leaves_out_whom_it_names() -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    but_ana = resource({**statement, "NotPrincipal": {"AWS": USER}})
    but_here = resource({**statement, "NotPrincipal": {"AWS": HERE}})

    assert decided(caller(), policy=but_ana) == NOT_ALLOWED
    assert decided(caller(SESSION), policy=but_ana) == ALLOWED
    assert decided(caller(SESSION), policy=but_here) == NOT_ALLOWED


def test_a_bucket_that_locks_everybody_out_can_be_mended_by_its_root() -> None:
    locked = resource(deny(Principal="*"))

    for action in ("s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"):
        assert decided(caller(ROOT), action, "arn:aws:s3:::lake", policy=locked) == ALLOWED
        assert decided(caller(USER, allow()), action, policy=locked) == DENIED
        elsewhere = decided(caller(ROOT), action, owner=THERE, policy=locked)
        assert elsewhere == DENIED


def test_services_and_people_of_a_provider_are_only_meant_by_name() -> None:
    service = Principal("", "sagemaker.amazonaws.com", "", "")
    subject = evaluation.Subject(service, names=principals.names(service))
    named = resource(allow(GET, Principal={"Service": "sagemaker.amazonaws.com"}))

    assert decided(subject, policy=named) == ALLOWED
    assert decided(subject, policy=resource(allow(GET, Principal="*"))) == NOT_ALLOWED
    denied = resource(deny(Principal="*"), allow(Principal={"Service": "sagemaker.amazonaws.com"}))
    assert decided(subject, policy=denied) == DENIED
    assert decided(subject) == NOT_ALLOWED


@pytest.mark.parametrize(
    ("statement", "action", "on", "decision"),
    [
        # A bucket is not its objects, and an object is not its bucket.
        (allow("s3:*", "arn:aws:s3:::lake"), GET, OBJECT, NOT_ALLOWED),
        (allow("s3:*", "arn:aws:s3:::lake"), "s3:ListBucket", "arn:aws:s3:::lake", ALLOWED),
        (allow("s3:*", "arn:aws:s3:::lake/*"), "s3:ListBucket", "arn:aws:s3:::lake", NOT_ALLOWED),
        (allow("s3:*", "arn:aws:s3:::lake/*"), GET, OBJECT, ALLOWED),
        (allow("s3:*", "arn:aws:s3:::lake/*"), GET, "arn:aws:s3:::lake2/a", NOT_ALLOWED),
        (allow("s3:*", "arn:aws:s3:::lake*"), GET, "arn:aws:s3:::lake2/a", ALLOWED),
        # A star crosses "/" and ":"; a question mark is one character, and one there is.
        (allow("s3:*", "arn:aws:s3:::l*.csv"), GET, "arn:aws:s3:::lake/x:y/z.csv", ALLOWED),
        (allow("*", "arn:aws:s3:::lake/raw?a.csv"), GET, OBJECT, ALLOWED),
        (allow("*", "arn:aws:s3:::lake/raw/?a.csv"), GET, OBJECT, NOT_ALLOWED),
        (allow("*", "arn:aws:sagemaker:*:*:*/g/*"), GET, f"{PACKAGES}/g/1", ALLOWED),
        (allow("*", "arn:aws:sagemaker:*:*:*/g/*"), GET, f"{PACKAGES}/h/1", NOT_ALLOWED),
        # Actions take no notice of case; resources do.
        (allow("S3:GETobject"), GET, OBJECT, ALLOWED),
        (allow("s3:get*"), GET, OBJECT, ALLOWED),
        (allow("*", "arn:aws:s3:::LAKE/*"), GET, OBJECT, NOT_ALLOWED),
        (allow("s3:Get"), GET, OBJECT, NOT_ALLOWED),
        (allow("sagemaker:*"), GET, OBJECT, NOT_ALLOWED),
        # NotAction and NotResource are everything else.
        (but(NotAction="iam:*"), GET, OBJECT, ALLOWED),
        (but(NotAction=["iam:*", "S3:*"]), GET, OBJECT, NOT_ALLOWED),
        (but(NotAction="*"), GET, OBJECT, NOT_ALLOWED),
        (but(NotResource="arn:aws:s3:::lake/*"), GET, OBJECT, NOT_ALLOWED),
        (but(NotResource="arn:aws:s3:::sea/*"), GET, OBJECT, ALLOWED),
        # What is asked of everything is allowed by nothing less.
        (allow("*", "arn:aws:s3:::*"), "s3:ListAllMyBuckets", "*", NOT_ALLOWED),
        (allow("*"), "s3:ListAllMyBuckets", "*", ALLOWED),
    ],
)  # fmt: skip
def test_a_statement_is_about_what_it_names(
    statement: dict[str, Any], action: str, on: str, decision: str
) -> None:
    assert decided(caller(USER, statement), action, on) == decision


NAMED = {"facts": {"aws:username": ("ana",), "aws:principaltag/team": ("churn",)}}


@pytest.mark.parametrize(
    ("pattern", "on", "allowed"),
    [
        ("arn:aws:s3:::lake/${aws:username}/*", "arn:aws:s3:::lake/ana/x", True),
        ("arn:aws:s3:::lake/${aws:username}/*", "arn:aws:s3:::lake/bob/x", False),
        ("arn:aws:s3:::lake/${AWS:UserName}", "arn:aws:s3:::lake/ana", True),
        ("arn:aws:s3:::${aws:PrincipalTag/team}-${aws:username}", "arn:aws:s3:::churn-ana", True),
        ("arn:aws:s3:::lake/${aws:PrincipalTag/none}", "arn:aws:s3:::lake/", False),
        ("arn:aws:s3:::lake/${aws:PrincipalTag/none}", "arn:aws:s3:::lake/None", False),
        ("arn:aws:s3:::b-${aws:PrincipalTag/none, 'all'}", "arn:aws:s3:::b-all", True),
        ("arn:aws:s3:::b-${aws:PrincipalTag/team, 'all'}", "arn:aws:s3:::b-all", False),
        ("arn:aws:s3:::b-${aws:PrincipalTag/none, 'a*'}", "arn:aws:s3:::b-abc", False),
        ("arn:aws:s3:::lake/${*}", "arn:aws:s3:::lake/*", True),
        ("arn:aws:s3:::lake/${*}", "arn:aws:s3:::lake/x", False),
        ("arn:aws:s3:::lake/${?}", "arn:aws:s3:::lake/x", False),
        ("arn:aws:s3:::lake/${$}{aws:username}", "arn:aws:s3:::lake/${aws:username}", True),
    ],
)
def test_variables_stand_for_what_is_known_of_the_caller(
    pattern: str, on: str, allowed: bool
) -> None:
    subject = caller(USER, allow("s3:*", pattern), **NAMED)

    assert ask(subject, GET, on).allowed is allowed


def test_what_a_caller_brings_is_never_a_wildcard() -> None:
    starred = {"facts": {"aws:principaltag/team": ("*",)}}
    statement = allow("*", "arn:aws:s3:::lake/${aws:PrincipalTag/team}/*")
    like = allow("*", Condition={"StringLike": {"s3:prefix": "${aws:PrincipalTag/team}"}})

    assert decided(caller(USER, statement, **starred)) == NOT_ALLOWED
    assert decided(caller(USER, like, **starred), **{"s3:prefix": ("raw",)}) == NOT_ALLOWED


def test_an_older_language_has_no_variables() -> None:
    old = identity(allow("*", "arn:aws:s3:::lake/${aws:username}"), version="2008-10-17")
    subject = evaluation.Subject(Principal(HERE, USER, "id", "AKIA"), identity=(old,), **NAMED)

    assert decided(subject, on="arn:aws:s3:::lake/ana") == NOT_ALLOWED
    assert decided(subject, on="arn:aws:s3:::lake/${aws:username}") == ALLOWED


def test_a_variable_without_a_value_opens_nothing_and_closes_everything() -> None:
    but_mine = {"NotResource": "arn:aws:s3:::lake/${aws:username}/*", "Action": "*"}

    assert decided(caller(SESSION, {"Effect": "Allow", **but_mine})) == NOT_ALLOWED
    assert decided(caller(SESSION, allow(), {"Effect": "Deny", **but_mine})) == DENIED


def test_what_a_request_says_never_goes_before_what_is_known_of_the_caller() -> None:
    mine = allow("*", Condition={"StringEquals": {"aws:PrincipalTag/team": "risk"}})

    assert decided(caller(USER, mine, **NAMED), **{"aws:principaltag/team": ("risk",)}) == (
        NOT_ALLOWED
    )


@pytest.mark.parametrize(
    ("subject", "more", "why"),
    [
        (caller(USER, allow(), allow(GET, Sid="Two")), {}, "the identity policy, Statement[0]"),
        (caller(USER, allow("iam:*"), allow(GET, Sid="Two")), {}, "Statement[1] (Two)"),
        (caller(USER, allow(), deny(GET)), {}, "the identity policy, Statement[1]"),
        (caller(), {}, "no statement allows it"),
        (caller(ROOT), {}, f"the root of account {HERE}"),
        (caller(USER, allow(), boundary=identity(allow("iam:*"))), {}, "does not allow it"),
        (caller(SESSION, allow(), session=()), {}, "the session policy does not allow it"),
        (caller(USER, allow()), {"owner": THERE}, f"account {THERE}'s resource policy"),
        (
            caller(),
            {"policy": resource(allow(GET, Principal="*"))},
            "the bucket policy, Statement[0]",
        ),
    ],
)
def test_a_verdict_says_what_decided(subject: Any, more: dict[str, Any], why: str) -> None:
    assert why in ask(subject, **more).statement


USER_ID, ROLE_ID = "AIDA" + "A" * 17, "AROA" + "B" * 17


def bound(statement: dict[str, Any], ids: dict[str, str]) -> evaluation.Policy:
    reader = principals.bound(documents.read_resource, ids)
    return evaluation.compile(reader(document(statement)), "the bucket policy")


def by_id(arn: str, unique_id: str) -> evaluation.Subject:
    principal = Principal(HERE, arn, unique_id, "AKIA")
    role = ROLE if arn == SESSION else ""
    names = principals.names(principal, role)
    return evaluation.Subject(principal, identity=(identity(allow()),), names=names)


@pytest.mark.parametrize(
    ("arn", "named", "known", "unique_id"),
    [
        (USER, USER, USER_ID, USER_ID),
        (SESSION, ROLE, ROLE_ID, f"{ROLE_ID}:walk"),
        (SESSION, SESSION, f"{ROLE_ID}:walk", f"{ROLE_ID}:walk"),
    ],
)
def test_who_is_bound_by_an_id_is_known_by_no_name(
    arn: str, named: str, known: str, unique_id: str
) -> None:
    ids = {named: known}
    same, other = by_id(arn, unique_id), by_id(arn, unique_id[:4] + "C" + unique_id[5:])
    lets_in = bound(allow(GET, Principal={"AWS": named}), ids)
    keeps_out = bound(deny(GET, Principal={"AWS": named}), ids)
    spares = bound(deny(GET, NotPrincipal={"AWS": [named, HERE]}), ids)

    assert lets_in.grant(Request(same, Question(GET, OBJECT)))[1] is not None
    assert lets_in.grant(Request(other, Question(GET, OBJECT)))[1] is None
    assert decided(same, policy=keeps_out) == DENIED
    assert decided(other, policy=keeps_out) == ALLOWED
    assert decided(other, policy=spares) == DENIED
    if arn == USER:  # of a session its role has to be named too
        assert decided(same, policy=spares) == ALLOWED


def test_a_name_without_an_id_gives_nothing_and_still_denies() -> None:
    ana = by_id(USER, USER_ID)
    asked = Request(ana, Question(GET, OBJECT))

    assert bound(allow(GET, Principal={"AWS": USER}), {}).grant(asked)[1] is None
    assert decided(ana, policy=bound(deny(GET, Principal={"AWS": USER}), {})) == DENIED
    assert decided(ana, policy=bound(deny(GET, NotPrincipal={"AWS": [USER, HERE]}), {})) == DENIED
    assert bound(allow(GET, NotPrincipal={"AWS": USER}), {}).grant(asked)[1] is None
    assert bound(allow(GET, Principal={"AWS": [USER, HERE]}), {}).grant(asked)[1] is not None
