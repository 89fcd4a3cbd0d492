"""Nothing of one account is visible to another: every offered operation, asked by a stranger.

Each operation is asked twice from an account of its own, with the names, ARNs, ids and keys of
what another account has, and with such as nobody has. The two answers are the same, and hold
nothing of the other account.
"""

import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from modelyard import lineage_names, offered
from modelyard.contract import model
from tests.access.stranger import Stranger
from tests.experiments import components
from tests.server_process import REGION, ServerProcess

OWNER = "123456789012"
SECRET = "amethyst"  # stands in everything that the owner has
BUCKET, KEY, MISSING_KEY = "owners-bucket", "model.tar.gz", "absent.tar.gz"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
            "Action": "sts:AssumeRole",
        },
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Sid": SECRET, "Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    }
)
GROUP_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "999999999999"},
            "Action": "sagemaker:DescribeModelPackageGroup",
            "Resource": f"arn:aws:sagemaker:{REGION}:{OWNER}:model-package-group/amethyst",
        },
    }
)
SPECIFICATION = {
    "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/{KEY}"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
VARIANT = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}

# What changes by itself from answer to answer.
_RANDOM = re.compile(
    r"\bA[A-Z]{3}[A-Z2-7]{12,17}\b|\b[0-9a-f]{32,}\b|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+Z-]+"
    r"|\"(?:SecretAccessKey|SessionToken)\": \"[^\"]*\"|o-[a-z0-9]{10}"
)

Names = dict[str, list[tuple[Any, Any]]]


def _arn(service: str, path: str) -> str:
    region = "" if service == "iam" else REGION
    return f"arn:aws:{service}:{region}:{OWNER}:{path}"


def _both(path: str) -> tuple[str, str]:
    """The owner's, and one of the same kind that is not there."""
    return _arn("sagemaker", path), _arn("sagemaker", path.replace("amethyst", "phantom"))


NAME = ("amethyst", "phantom")
GROUP = _both("model-package-group/amethyst")
VERSION = _both("model-package/amethyst/1")
PACKAGE = _both("model-package/amethyst-solo")
MODEL, CONFIG = _both("model/amethyst"), _both("endpoint-config/amethyst")
ENDPOINT = _both("endpoint/amethyst")
SOURCE = ({"SourceUri": "amethyst"}, {"SourceUri": "phantom"})


def _artifact(source: dict[str, str]) -> str:
    return lineage_names.artifact_arn(OWNER, REGION, source["SourceUri"])


ARTIFACT = (_artifact(SOURCE[0]), _artifact(SOURCE[1]))
ACTION, CONTEXT = _both("action/amethyst"), _both("context/amethyst")
EXPERIMENT, TRIAL = _both("experiment/amethyst"), _both("experiment-trial/amethyst")
COMPONENT = _both("experiment-trial-component/amethyst")
IAM_POLICY = (_arn("iam", "policy/amethyst"), _arn("iam", "policy/phantom"))
ROLE = (_arn("iam", "role/amethyst"), _arn("iam", "role/phantom"))
PROVIDER = (_arn("iam", "oidc-provider/amethyst.org"), _arn("iam", "oidc-provider/phantom.org"))
USER = (_arn("iam", "user/amethyst"), _arn("iam", "user/phantom"))


def _names(upload_id: str, access_key_id: str) -> Names:
    """By member: pairs of what the owner has and of what nobody has."""
    keyed = (KEY, MISSING_KEY)
    return {
        "ModelPackageGroupName": [NAME, GROUP],
        "ModelPackageName": [VERSION, PACKAGE, ("amethyst/1", "phantom/1"), NAME],
        "ModelPackageArn": [VERSION, PACKAGE],
        "ModelPackageArnList": [([VERSION[0]], [VERSION[1]])],
        "ModelPackageNames": [([VERSION[0], PACKAGE[0]], [VERSION[1], PACKAGE[1]])],
        "SourceUri": [VERSION, MODEL],
        "ResourceArn": [
            *(GROUP, PACKAGE, MODEL, CONFIG, ENDPOINT, VERSION),
            *(ARTIFACT, ACTION, CONTEXT, EXPERIMENT, TRIAL, COMPONENT),
        ],
        "ArtifactArn": [ARTIFACT],
        "ActionName": [NAME],
        "ContextName": [NAME],
        "ExperimentName": [NAME],
        "TrialName": [NAME],
        "TrialComponentName": [NAME],
        "TrialComponentNames": [([a, a], [b, b]) for a, b in (NAME, COMPONENT)],
        "Source": [SOURCE],
        "SourceArn": [ARTIFACT],
        "DestinationArn": [ACTION, CONTEXT],
        "StartArns": [([one], [other]) for one, other in (ARTIFACT, ACTION, CONTEXT)],
        "ModelName": [NAME],
        "EndpointConfigName": [NAME],
        "EndpointName": [NAME],
        "EndpointArn": [ENDPOINT],
        "MetricQueries": [tuple(components.queries(SECRET, arn) for arn in COMPONENT)],  # type: ignore[list-item]
        "RoleName": [NAME],
        "UserName": [NAME],
        "GroupName": [NAME],
        "PolicyName": [NAME],
        "AccountAlias": [NAME],
        "PolicyArn": [IAM_POLICY],
        "PermissionsBoundary": [IAM_POLICY],
        "PolicySourceArn": [ROLE, USER],
        "Principal": [ROLE, USER],
        "RoleArn": [ROLE],
        "OpenIDConnectProviderArn": [PROVIDER],
        "Url": [("https://amethyst.org", "https://phantom.org")],
        "AccessKeyId": [(access_key_id, "AKIA" + "Q" * 16)],
        "Bucket": [(BUCKET, BUCKET)],  # that a bucket's name is taken is no secret, as in S3
        "Key": [keyed],
        "UploadId": [(upload_id, "0" * len(upload_id))],
        "CopySource": [tuple(f"{BUCKET}/{key}" for key in keyed)],  # type: ignore[list-item]
        "Delete": [tuple({"Objects": [{"Key": key}]} for key in keyed)],  # type: ignore[list-item]
        "AccountId": [(OWNER, "000000000000")],
        "logGroupName": [("/aws/sagemaker/Endpoints/amethyst", "/aws/sagemaker/Endpoints/phantom")],
        **_structures(),
    }


def _structures() -> Names:
    return {
        "PrimaryContainer": [
            ({"ModelPackageName": VERSION[0]}, {"ModelPackageName": VERSION[1]}),
            (
                {"Image": "i", "ModelDataUrl": f"s3://{BUCKET}/{KEY}"},
                {"Image": "i", "ModelDataUrl": f"s3://{BUCKET}/{MISSING_KEY}"},
            ),
        ],
        "InferenceSpecification": [
            (SPECIFICATION, json.loads(json.dumps(SPECIFICATION).replace(KEY, MISSING_KEY)))
        ],
        "ProductionVariants": [
            tuple(  # type: ignore[list-item]
                [{**VARIANT, "ModelName": name}] for name in NAME
            )
        ],
    }


# Required, and naming nothing.
FILLED: dict[str, Callable[[], Any]] = {
    "AccountName": lambda: "x",
    "Action": lambda: "s3:GetObject",
    "ActionNames": lambda: ["s3:GetObject"],
    "ActionType": lambda: "Approval",
    "ArtifactType": lambda: "Model",
    "AssumeRolePolicyDocument": lambda: TRUST,
    "Body": lambda: io.BytesIO(b"x"),
    "ContextType": lambda: "Endpoint",
    "ClientID": lambda: "sts.amazonaws.com",
    "CreateAccountRequestId": lambda: "car-00000000",
    "Description": lambda: "x",
    "DesiredWeightsAndCapacities": lambda: [{"VariantName": "v", "DesiredWeight": 1}],
    "Email": lambda: "x@example.com",
    "MetricData": lambda: [components.point(SECRET)],
    "LineageGroupName": lambda: lineage_names.GROUP,
    "NewPassword": lambda: "Correct horse battery 9",
    "ObjectAttributes": lambda: ["ETag"],
    "OldPassword": lambda: "x",
    "PartNumber": lambda: 1,
    "Policy": lambda: "{}",
    "PolicyInputList": lambda: [POLICY],
    "Principal": lambda: "root",
    "PolicyDocument": lambda: POLICY,
    "Resource": lambda: "ModelPackage",
    "ResourcePolicy": lambda: GROUP_POLICY,
    "RoleSessionName": lambda: "me",
    "Status": lambda: "Inactive",
    "TagKeys": lambda: ["team"],
    "Tagging": lambda: {"TagSet": []},
    "Tags": lambda: [{"Key": "team", "Value": "x"}],
    "ThumbprintList": lambda: ["a" * 40],
    "VersionId": lambda: "v1",
    "WebIdentityToken": lambda: "x.y.z",
}
# Asked with these alone, they would ask for something else.
ALSO: dict[str, dict[str, Any]] = {
    "CreateModel": {"ExecutionRoleArn": f"arn:aws:iam::{OWNER}:role/amethyst"},
    "CreateBucket": {},
}
_NOT_TOGETHER = {
    "CreateModelPackage": [
        {"ModelPackageName", "InferenceSpecification"},  # SourceUri, in a group
        {"ModelPackageName"},
        {"ModelPackageGroupName", "InferenceSpecification"},  # SourceUri, in none
        {"ModelPackageGroupName"},
    ],
    "ListEndpointDeployments": [{"EndpointArn"}, {"EndpointName"}],
    "ListTrialComponents": [{"TrialName", "SourceArn"}, {"ExperimentName", "SourceArn"}],
}
# They answer for what the stranger itself makes, under the name that it gives.
_MAKES = ("Add", "Attach", "Copy", "Create", "Put", "Upload", "Tag")


def _operations() -> Iterator[tuple[str, str]]:
    """Every offered operation; those that make something come last."""
    every = [(s, o) for s, operations in offered.names().items() for o in operations]
    return iter(sorted(every, key=lambda one: one[1].startswith(_MAKES)))


def _requests(service: str, operation: str, names: Names) -> Iterator[tuple[Any, Any]]:
    """Pairs of requests: for what the owner has, and for what nobody has."""
    shape = model.load(service).operations[operation].input
    members = {} if shape is None else shape.members
    required = [] if shape is None else list(shape.required)
    for left_out in _NOT_TOGETHER.get(operation, [set()]):
        named = [m for m in members if m in names and m not in left_out]
        longest = max([len(names[m]) for m in named], default=1)
        for number in range(longest):
            pair: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
            for which, request in enumerate(pair):
                for member in named:
                    pairs = names[member]
                    request[member] = pairs[min(number, len(pairs) - 1)][which]
                for member in required:
                    if member not in request:
                        assert member in FILLED, f"{operation}: say what {member} is"
                        request[member] = FILLED[member]()
                request |= ALSO.get(operation, {})
            yield pair


def method(client: Any, operation: str) -> Callable[..., Any]:
    """The client's method for an operation by AWS's name."""
    found = getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower(), None)
    if found is None:  # botocore spells some otherwise: list_objects_v2
        spelled = {name.replace("_", ""): name for name in dir(client)}
        found = getattr(client, spelled[operation.lower()])
    asked: Callable[..., Any] = found
    return asked


def _outcome(client: Any, operation: str, request: dict[str, Any]) -> str:
    """What a client sees: the answer, or the refusal; without what is random."""
    try:
        answer = method(client, operation)(**request)
        answer.pop("ResponseMetadata")
        if hasattr(answer.get("Body"), "read"):
            answer["Body"] = answer["Body"].read()
        seen = json.dumps(answer, default=str)
    except ClientError as refused:
        error = refused.response["Error"]
        status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
        seen = json.dumps([status, {k: v for k, v in error.items() if k != "RequestId"}])
    return _RANDOM.sub("*", seen)


def _same(first: str, second: str) -> bool:
    """Whether two outcomes differ in nothing but the names that were asked for."""
    unnamed = [text.replace("amethyst", "N").replace("phantom", "N") for text in (first, second)]
    unnamed = [text.replace(KEY, "K").replace(MISSING_KEY, "K") for text in unnamed]
    unnamed = [re.sub(r"\d{4}-\d\d-\d\d[ T][\d:.+]+(?:Z|\+00:00)?", "T", text) for text in unnamed]
    unnamed = [text.replace("0" * 12, OWNER) for text in unnamed]
    return unnamed[0] == unnamed[1]


def _caller(event: dict[str, Any]) -> str:
    return str(json.loads(event["CloudTrailEvent"])["userIdentity"]["accountId"])


@pytest.fixture
def owner(server: ServerProcess) -> Names:
    return furnish(server)


def furnish(server: ServerProcess) -> Names:
    """Give the account one of everything, all of it called amethyst."""
    sagemaker, s3, iam = (server.client(name) for name in ("sagemaker", "s3", "iam"))
    tags = [{"Key": "team", "Value": SECRET}]
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=SECRET.encode(), Tagging=f"team={SECRET}")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=KEY)["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key=KEY, UploadId=upload, PartNumber=1, Body=b"x")
    sagemaker.create_model_package_group(ModelPackageGroupName="amethyst", Tags=tags)
    sagemaker.put_model_package_group_policy(
        ModelPackageGroupName="amethyst", ResourcePolicy=GROUP_POLICY
    )
    sagemaker.create_model_package(
        ModelPackageGroupName="amethyst",
        ModelApprovalStatus="Approved",
        InferenceSpecification=SPECIFICATION,
    )
    sagemaker.create_model_package(
        ModelPackageName="amethyst-solo", InferenceSpecification=SPECIFICATION, Tags=tags
    )
    iam.create_role(RoleName="amethyst", AssumeRolePolicyDocument=TRUST, Tags=tags)
    iam.put_role_policy(RoleName="amethyst", PolicyName="amethyst", PolicyDocument=POLICY)
    iam.create_user(UserName="amethyst", Tags=tags)
    key = iam.create_access_key(UserName="amethyst")["AccessKey"]["AccessKeyId"]
    iam.create_login_profile(UserName="amethyst", Password="Correct horse battery 9")
    iam.create_open_id_connect_provider(Url="https://amethyst.org")
    iam.create_group(GroupName="amethyst")
    iam.add_user_to_group(GroupName="amethyst", UserName="amethyst")
    iam.create_policy(PolicyName="amethyst", PolicyDocument=POLICY)
    sagemaker.create_model(
        ModelName="amethyst",
        PrimaryContainer={"ModelPackageName": VERSION[0]},
        ExecutionRoleArn=ROLE[0],
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="amethyst", ProductionVariants=[{**VARIANT, "ModelName": "amethyst"}]
    )
    sagemaker.create_endpoint(EndpointName="amethyst", EndpointConfigName="amethyst")
    source: Any = SOURCE[0]
    sagemaker.create_artifact(Source=source, ArtifactType="Model", Tags=tags)
    sagemaker.create_action(ActionName="amethyst", Source=source, ActionType="Run", Tags=tags)
    sagemaker.create_context(ContextName="amethyst", Source=source, ContextType="Any", Tags=tags)
    sagemaker.add_association(SourceArn=ARTIFACT[0], DestinationArn=ACTION[0])
    sagemaker.create_experiment(ExperimentName="amethyst", Tags=tags)
    sagemaker.create_trial(TrialName="amethyst", ExperimentName="amethyst", Tags=tags)
    sagemaker.create_trial_component(TrialComponentName="amethyst", Tags=tags)
    sagemaker.associate_trial_component(TrialComponentName="amethyst", TrialName="amethyst")
    server.client("sagemaker-metrics").batch_put_metrics(
        TrialComponentName="amethyst", MetricData=[components.point(SECRET)]
    )
    return _names(upload, key)


def _world(server: ServerProcess) -> list[Any]:
    """All that the owner sees of its own that a stranger might have touched."""
    sagemaker, s3, iam = (server.client(name) for name in ("sagemaker", "s3", "iam"))
    asked: list[Callable[[], Any]] = [
        lambda: sagemaker.describe_model_package(ModelPackageName=VERSION[0]),
        lambda: sagemaker.describe_model_package(ModelPackageName=PACKAGE[0]),
        lambda: sagemaker.describe_model_package_group(ModelPackageGroupName="amethyst"),
        lambda: sagemaker.get_model_package_group_policy(ModelPackageGroupName="amethyst"),
        lambda: sagemaker.describe_model(ModelName="amethyst"),
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName="amethyst"),
        lambda: sagemaker.list_tags(ResourceArn=GROUP[0]),
        lambda: sagemaker.list_tags(ResourceArn=PACKAGE[0]),
        lambda: sagemaker.describe_endpoint(EndpointName="amethyst")["EndpointConfigName"],
        lambda: sagemaker.describe_artifact(ArtifactArn=ARTIFACT[0]),
        lambda: sagemaker.describe_action(ActionName="amethyst"),
        lambda: sagemaker.describe_context(ContextName="amethyst"),
        sagemaker.list_associations,
        lambda: sagemaker.describe_experiment(ExperimentName="amethyst"),
        lambda: sagemaker.describe_trial_component(TrialComponentName="amethyst"),
        lambda: sagemaker.list_trial_components(TrialName="amethyst"),
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.get_object_tagging(Bucket=BUCKET, Key=KEY),
        lambda: s3.list_multipart_uploads(Bucket=BUCKET),
        lambda: [b["Name"] for b in s3.list_buckets()["Buckets"]],
        lambda: iam.get_role(RoleName="amethyst"),
        lambda: iam.list_role_policies(RoleName="amethyst"),
        lambda: iam.get_user(UserName="amethyst"),
        lambda: iam.list_access_keys(UserName="amethyst"),
        lambda: iam.get_group(GroupName="amethyst"),
        lambda: iam.get_policy(PolicyArn=IAM_POLICY[0]),
    ]
    seen = [ask() for ask in asked]
    for answer in seen:
        if isinstance(answer, dict):
            answer.pop("ResponseMetadata")
    return seen


def test_no_operation_tells_a_stranger_what_another_account_has(
    server: ServerProcess, owner: Names
) -> None:
    before = _world(server)
    stranger = Stranger(server, "stranger")
    told: list[str] = []

    for service, operation in _operations():
        client = stranger.client(service)
        for theirs, nobodys in _requests(service, operation, owner):
            first = _outcome(client, operation, theirs)
            if operation == "LookupEvents":  # the stranger's own calls name what it asked for
                events = client.lookup_events()["Events"]
                callers = {_caller(event) for event in events}
                assert callers == {stranger.account}
                continue
            second = _outcome(client, operation, nobodys)
            if not _same(first, second):
                told.append(f"{service}:{operation} {theirs}\n    {first}\n    {second}")
            if SECRET in first and SECRET not in json.dumps(theirs, default=str):
                told.append(f"{service}:{operation} {theirs}\n    shows {first}")

    assert not told, "\n".join(told)
    assert _world(server) == before


def test_tokens_of_one_account_are_nothing_to_another(server: ServerProcess) -> None:
    mine, theirs = Stranger(server, "mine"), Stranger(server, "theirs")
    for one in (mine, theirs):
        for name in ("a", "b"):
            one.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
            one.client("s3").create_bucket(Bucket=f"{name}-{one.account}")
            one.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    listed: list[tuple[str, str, str, str, dict[str, Any]]] = [
        ("sagemaker", "list_model_package_groups", "NextToken", "NextToken", {"MaxResults": 1}),
        ("s3", "list_buckets", "ContinuationToken", "ContinuationToken", {"MaxBuckets": 1}),
        ("iam", "list_roles", "Marker", "Marker", {"MaxItems": 1}),
    ]
    for service, operation, given, taken, limit in listed:
        token = getattr(mine.client(service), operation)(**limit)[given]
        assert getattr(mine.client(service), operation)(**limit, **{taken: token})
        with pytest.raises(ClientError) as refused:
            getattr(theirs.client(service), operation)(**limit, **{taken: token})
        assert refused.value.response["Error"]["Code"] in (
            "ValidationException",
            "ValidationError",
            "InvalidArgument",
            "InvalidInput",
        )


def test_a_client_token_means_what_its_account_did_with_it(server: ServerProcess) -> None:
    strangers = [Stranger(server, name) for name in ("one", "two")]
    arns = []
    for number, stranger in itertools.product(range(2), strangers):
        sagemaker = stranger.client("sagemaker")
        if not number:
            sagemaker.create_model_package_group(ModelPackageGroupName="churn")
        made = sagemaker.create_model_package(
            ModelPackageGroupName="churn",
            ClientToken="same-token",
            InferenceSpecification={
                **SPECIFICATION,
                "Containers": [{"Image": "image"}],
            },
        )
        arns.append(made["ModelPackageArn"])

    assert arns[:2] == arns[2:]
    assert [arn.split(":")[4] for arn in arns[:2]] == [one.account for one in strangers]
