"""AssumeRoleWithWebIdentity, unsigned, with tokens of a provider that is another process."""

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from modelyard.access.people.issuers import ASKED_MAX
from tests.access.people.conftest import ACCOUNT, add_role, know
from tests.access.people.provider import RunningProvider
from tests.server_process import ServerProcess


@pytest.fixture
def arn(server: ServerProcess, provider: RunningProvider) -> str:
    """A role that anybody of the provider may take on."""
    know(server, provider.issuer)
    return add_role(server, "scientist", provider.issuer)


def unsigned(server: ServerProcess) -> Any:
    config = Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1})
    return server.client("sts", config=config)


def assume(server: ServerProcess, arn: str, token: str, **more: Any) -> Any:
    return unsigned(server).assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="ana", WebIdentityToken=token, **more
    )


def refusal(server: ServerProcess, arn: str, token: str, **more: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        assume(server, arn, token, **more)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("how", ["RS256", "ES256"])
def test_a_token_of_a_known_provider_gives_a_session_of_the_role(
    module_server: tuple[ServerProcess, str], shared_provider: RunningProvider, how: str
) -> None:
    server, arn = module_server

    given = assume(server, arn, shared_provider.mint(how), DurationSeconds=900)

    keys = given["Credentials"]
    me = server.client(
        "sts",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    ).get_caller_identity()
    assert me["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/scientist/ana"
    assert me["UserId"] == given["AssumedRoleUser"]["AssumedRoleId"]
    assert given["SubjectFromWebIdentityToken"] == "person-1"
    assert given["Provider"].endswith(f":oidc-provider/{shared_provider.name}")
    assert given["Audience"] == "modelyard"


BAD_TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "of another audience": ({"aud": "somebody-else"}, "InvalidIdentityToken"),
    "of no audience": ({"aud": None}, "InvalidIdentityToken"),
    "given to another party": ({"azp": "somebody-else"}, "InvalidIdentityToken"),
    "of a foreign issuer": ({"iss": "https://issuer.example.org"}, "InvalidIdentityToken"),
    "of no issuer": ({"iss": None}, "InvalidIdentityToken"),
    "expired": ({"exp": "-120"}, "ExpiredTokenException"),
    "without an end": ({"exp": None}, "InvalidIdentityToken"),
    "that ends in words": ({"exp": "+0", "iat": [1]}, "InvalidIdentityToken"),
    "issued in the future": ({"iat": "+600"}, "InvalidIdentityToken"),
    "not good yet": ({"nbf": "+600"}, "InvalidIdentityToken"),
    "of nobody": ({"sub": None}, "InvalidIdentityToken"),
    "signed by nobody": ({"how": "none"}, "InvalidIdentityToken"),
    "signed by Nobody": ({"how": "None"}, "InvalidIdentityToken"),
    "signed with the public key": ({"how": "HS256 under the public key"}, "InvalidIdentityToken"),
    "signed with a foreign key": ({"how": "foreign"}, "InvalidIdentityToken"),
    "signed with a key of no name": ({"kid": "another"}, "InvalidIdentityToken"),
}


@pytest.mark.parametrize("what", BAD_TOKENS)
def test_a_bad_token_gives_nothing(
    module_server: tuple[ServerProcess, str], shared_provider: RunningProvider, what: str
) -> None:
    server, arn = module_server
    claims, expected = BAD_TOKENS[what]

    code, message = refusal(server, arn, shared_provider.mint(**claims))

    assert code == expected
    assert "eyJ" not in message


def test_what_is_no_token_gives_nothing(module_server: tuple[ServerProcess, str]) -> None:
    server, arn = module_server

    for text in ("....", "not a token", "e30.e30.e30", "a.b.c", "\u00e9" * 10, "e30." * 3000):
        assert refusal(server, arn, text)[0] == "InvalidIdentityToken"


@pytest.fixture(scope="module")
def module_server(
    tmp_path_factory: pytest.TempPathFactory, shared_provider: RunningProvider
) -> Any:
    server = ServerProcess(tmp_path_factory.mktemp("web-identity"))
    server.start()
    know(server, shared_provider.issuer)
    yield server, add_role(server, "scientist", shared_provider.issuer)
    assert not server.close()


def test_keys_may_rotate(server: ServerProcess, provider: RunningProvider, arn: str) -> None:
    assume(server, arn, provider.mint())

    provider.rotate()

    assume(server, arn, provider.mint())
    assume(server, arn, provider.mint("ES256", kid=""))


def test_strangers_cannot_make_the_server_ask_and_ask(
    server: ServerProcess, provider: RunningProvider, arn: str
) -> None:
    assume(server, arn, provider.mint())

    for number in range(3 * ASKED_MAX):
        refusal(server, arn, provider.mint(kid=f"made-up-{number}"))

    assert sum(path.endswith("/keys") for path in provider.asked()) <= ASKED_MAX
    assume(server, arn, provider.mint())


def test_only_a_provider_that_the_account_knows_is_asked(
    server: ServerProcess, provider: RunningProvider
) -> None:
    arn = add_role(server, "scientist", provider.issuer)

    code, message = refusal(server, arn, provider.mint())

    assert (code, message) == (
        "InvalidIdentityToken",
        f"No OpenIDConnect provider found in your account for {provider.name}",
    )
    assert provider.asked() == ["/mint"]


@pytest.mark.parametrize(
    ("operator", "claim", "wanted", "accepted"),
    [
        ("StringEquals", "sub", "person-1", True),
        ("StringEquals", "sub", "person-2", False),
        ("StringEquals", "aud", "modelyard", True),
        ("StringEquals", "aud", "another", False),
        ("StringLike", "email", "*@example.org", True),
        ("StringLike", "email", "*@example.com", False),
        ("ForAnyValue:StringEquals", "groups", ["review"], True),
        ("ForAnyValue:StringEquals", "groups", ["platform"], False),
        ("StringEquals", "missing", "anything", False),
        ("StringNotEquals", "sub", "person-1", False),
    ],
)
def test_a_trust_policy_decides_by_the_claims(
    module_server: tuple[ServerProcess, str],
    shared_provider: RunningProvider,
    operator: str,
    claim: str,
    wanted: Any,
    accepted: bool,
) -> None:
    server, _ = module_server
    name = f"role-{abs(hash((operator, claim, str(wanted)))) % 10**9}"
    conditions = {operator: {f"{shared_provider.name}:{claim}": wanted}}
    arn = add_role(server, name, shared_provider.issuer, conditions)
    token = shared_provider.mint()

    if accepted:
        assert assume(server, arn, token)["AssumedRoleUser"]["Arn"].endswith(f"{name}/ana")
    else:
        assert refusal(server, arn, token)[0] == "AccessDenied"


def test_a_missing_role_and_one_that_does_not_trust_look_alike(
    module_server: tuple[ServerProcess, str], shared_provider: RunningProvider
) -> None:
    server, arn = module_server
    token = shared_provider.mint()
    never = {"StringEquals": {"aws:nothing": "x"}}
    wary = add_role(server, "wary", shared_provider.issuer, never)

    missing = refusal(server, f"{arn}-of-old", token)

    assert missing == refusal(server, wary, token)
    assert missing[0] == "AccessDenied"


def test_a_session_is_no_longer_than_the_role_lets_it_be(
    module_server: tuple[ServerProcess, str], shared_provider: RunningProvider
) -> None:
    server, arn = module_server

    code, _ = refusal(server, arn, shared_provider.mint(), DurationSeconds=3601)

    assert code == "ValidationError"


def test_a_provider_that_is_away_is_named_as_the_reason(
    server: ServerProcess, provider: RunningProvider, arn: str
) -> None:
    token = provider.mint()
    provider.close()

    code, message = refusal(server, arn, token)

    assert code == "IDPCommunicationError"
    assert "it cannot be reached" in message


def test_redirects_are_not_followed(server: ServerProcess, provider: RunningProvider) -> None:
    moved = f"{provider.origin}/moved"
    know(server, moved)
    arn = add_role(server, "scientist", moved)

    code, _ = refusal(server, arn, provider.mint(iss=moved))

    assert code == "IDPCommunicationError"
    assert not any(path.endswith("/keys") for path in provider.asked())


@pytest.mark.parametrize(
    ("service", "action"),
    [("sts", "GetCallerIdentity"), ("sts", "AssumeRole"), ("iam", "ListUsers")],
)
def test_nothing_else_is_heard_unsigned(
    module_server: tuple[ServerProcess, str], service: str, action: str
) -> None:
    server, _ = module_server
    client = server.client(service, config=Config(signature_version=botocore.UNSIGNED))
    given = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x", "RoleSessionName": "xy"}

    with pytest.raises(ClientError) as refused:
        client._make_api_call(action, given if action == "AssumeRole" else {})

    assert refused.value.response["Error"]["Code"] == "MissingAuthenticationToken"


def test_an_unsigned_form_that_is_long_is_not_read(
    module_server: tuple[ServerProcess, str],
) -> None:
    server, _ = module_server
    form = urlencode({"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": "x" * 70_000})

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(server.url, form.encode(), timeout=60)

    assert refused.value.code == 403
    assert b"MissingAuthenticationToken" in refused.value.read()
    refused.value.close()


def test_a_session_has_no_more_than_its_policies_say(
    server: ServerProcess, arn: str, provider: RunningProvider
) -> None:
    iam = server.client("iam")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    iam.put_role_policy(RoleName="scientist", PolicyName="all", PolicyDocument=document)
    lists = json.dumps(
        {"Version": "2012-10-17", "Statement": {**everything, "Action": "sagemaker:ListModels"}}
    )
    made = iam.create_policy(PolicyName="lists", PolicyDocument=lists)["Policy"]["Arn"]
    told: list[dict[str, Any]] = [{"Policy": lists}, {"PolicyArns": [{"arn": made}]}]

    for more in told:
        given = assume(server, arn, provider.mint(), **more)
        keys = given["Credentials"]
        sagemaker = server.client(
            "sagemaker",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        assert sagemaker.list_models()["Models"] == []
        with pytest.raises(ClientError, match="no session policy allows"):
            sagemaker.delete_model(ModelName="m")
        assert 1 <= given["PackedPolicySize"] <= 100
    assert refusal(server, arn, provider.mint(), Policy="{")[0] == "MalformedPolicyDocument"
    padded = lists.ljust(2048)
    too_large = refusal(server, arn, provider.mint(), Policy=padded, PolicyArns=[{"arn": made}])
    assert too_large[0] == "PackedPolicyTooLarge"


def test_a_stranger_learns_no_more_of_an_account_than_of_one_that_is_not_there(
    server: ServerProcess, arn: str, provider: RunningProvider
) -> None:
    made = server.client("organizations").create_account(Email="b@example.com", AccountName="b")
    other = made["CreateAccountStatus"]["AccountId"]
    roles = ["scientist", "OrganizationAccountAccessRole", "nobody"]
    accounts = [other, "999999999999"]

    answers = {
        refusal(server, f"arn:aws:iam::{account}:role/{role}", provider.mint())
        for account in accounts
        for role in roles
    }
    answers.add(refusal(server, arn, provider.mint(iss="https://none.example")))

    assert {code for code, _ in answers} == {"InvalidIdentityToken"}
    assert len({message.partition(" for ")[0] for _, message in answers}) == 1
    bad = {refusal(server, f"{arn[:-9]}{role}", provider.mint(aud="x")) for role in roles}
    assert len(bad) == 1
