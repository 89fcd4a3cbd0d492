"""Which resource a member of a request names, as the operations themselves read it. Pure.

Every reader answers the resource that the operation would touch, or None for what the operation
refuses: then the check is on all resources of the kind, whether there is such a one or not.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modelyard import lineage_names
from modelyard import model_package_names as names
from modelyard.access.policy.action_tables import Kind
from modelyard.call import Document
from modelyard.contract import arns, s3_locations

_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_IAM_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_IAM_PATH = re.compile(r"/(?:[\x21-\x7e]{1,510}/)?")
_IAM_ARN = re.compile(
    r"arn:aws:iam::(?P<account>[0-9]{12}|aws):(?P<kind>[a-z-]+)/[\x21-\x7e]{1,1024}"
)
_ROLE_ARN = re.compile(
    r"arn:aws:iam::(?P<account>[0-9]{12}):role/(?:[\x21-\x7e]{1,510}/)?[\w+=,.@-]{1,64}", re.ASCII
)
_USER_ARN = re.compile(r"arn:aws:iam::[0-9]{12}:user/[\x21-\x7e]+")
_LOG_GROUP = re.compile(r"[\w#/.-]{1,512}", re.ASCII)
_LOG_GROUP_ARN = re.compile(
    r"arn:aws:logs:(?P<region>[a-z0-9-]{1,63}):(?P<account>[0-9]{12}):log-group:"
    r"(?P<name>[\w#/.-]{1,512})(?::\*)?",
    re.ASCII,
)
_ACCOUNT = re.compile(r"[0-9]{12}")
_ISSUER = re.compile(r"[a-zA-Z]+://(?P<name>[\x21-\x7e]{1,255})")


class Asker(NamedTuple):
    """Who asks where. `arn` is the caller's, which some operations mean where no name is given."""

    account: str
    region: str
    arn: str = ""


class Lookup(NamedTuple):
    """What only storage knows about a resource: its path, its owner, or which it is at all.

    kind    role, user, group; caller: the user who asks, by whatever name now; access-key, whose
            user is meant; bucket, whose owner is; account, in its organization
    name    as the request names it
    becomes the name it is to get, for the check on what a renamed one will be
    """

    kind: str
    name: str
    becomes: str = ""
    path: str = ""


class Found(NamedTuple):
    """A resource of a kind. `account` is "" where its ARN names none."""

    resource: str
    account: str
    kind: str = ""
    lookup: Lookup | None = None
    is_version: bool = False  # a version of an object, rather than the object


Reader = Callable[[Asker, Any, Document], Found | None]
Arn = Callable[[str, str, str], str]


def namer(kind: Kind) -> Arn:
    """A function of account, region and name, by the kind's template."""
    head, _, rest = kind.arn.partition("{region}")
    if not rest:
        head, _, tail = kind.arn.partition("{account}")
        if not tail:
            before = kind.arn.removesuffix("{name}")
            return lambda account, region, name: before + name
        end = tail.removesuffix("{name}")
        return lambda account, region, name: f"{head}{account}{end}{name}"
    middle, _, last = rest.partition("{account}")
    before_name, _, after = last.partition("{name}")
    return lambda account, region, name: (
        f"{head}{region}{middle}{account}{before_name}{name}{after}"
    )


def every(name: str, kind: Kind) -> Callable[[Asker], Found]:
    """All resources of the kind called `name`, in the asker's account and region."""
    arn = namer(kind)
    has_account = "{account}" in kind.arn
    return lambda asker: Found(
        arn(asker.account, asker.region, "*"), asker.account if has_account else "", name
    )


def reader(word: str, name: str, kind: Kind) -> Reader:
    """The reader that a table calls `word`, for the kind called `name`.

    Raises: LookupError: there is none.
    """
    return _READERS[word](name, namer(kind))


def _by_name(kind: str, arn: Arn) -> Reader:
    """A bare name: of a model, an endpoint configuration, an endpoint."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str or not _NAME.fullmatch(value):
            return None
        return Found(arn(asker.account, asker.region, value), asker.account, kind)

    return read


def _package(kind: str, arn: Arn) -> Reader:
    """A model package by name, `group/1`, or either as an ARN."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        account, region, path = _split(asker, names.PACKAGE, arn, value)
        if not names.is_path(path):
            return None
        return Found(arn(account, region, path), account, kind)

    return read


def _group(kind: str, arn: Arn) -> Reader:
    """A model package group by name or ARN."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        account, region, name = _split(asker, names.GROUP, names.group_arn, value)
        if "/" in name or not names.is_path(name):
            return None
        return Found(arn(account, region, name), account, kind)

    return read


def _versions(kind: str, arn: Arn) -> Reader:
    """All versions of the group that is named, as the policy of a team writes them.

    Of a version that is to be created nobody knows the number yet.
    """
    group = _group(kind, arn)

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        found = group(asker, value, request)
        return None if found is None else found._replace(resource=f"{found.resource}/*")

    return read


def _split(asker: Asker, kind: str, arn: Callable[..., str], value: Any) -> tuple[str, str, str]:
    """Account, region and the rest of a name or ARN; no rest of what can be neither."""
    account, region = asker[:2]
    if type(value) is not str:
        return account, region, ""
    if value[:4] != "arn:":
        return account, region, value
    own = arn(account, region, "")
    if value.startswith(own):
        return account, region, value[len(own) :]
    parsed = arns.parse(value)
    if parsed is None or parsed.service != "sagemaker" or parsed.kind != kind:
        return account, region, ""
    start = arn(parsed.account, parsed.region, "")
    return parsed.account, parsed.region, value[len(start) :]


def _foreign_package(kind: str, arn: Arn) -> Reader:
    """A model package of another account; one's own is no matter of this check."""
    package = _package(kind, arn)

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        found = package(asker, value, request)
        return None if found is None or found.account == asker.account else found

    return read


def _arn(kind: str, arn: Arn) -> Reader:
    """An ARN of this kind and nothing else; what it names is looked for by the whole text."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        parsed = arns.parse(value) if type(value) is str else None
        if parsed is None or parsed.service != "sagemaker" or parsed.kind != kind:
            return None
        return Found(value, parsed.account, kind)

    return read


def _package_arn(kind: str, arn: Arn) -> Reader:
    """A model package by its ARN; other texts say nothing of one."""
    package = _package(kind, arn)

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str or not value.startswith("arn:"):
            return None
        return package(asker, value, request)

    return read


def _any_arn(kind: str, arn: Arn) -> Reader:
    """An ARN of any kind of SageMaker's."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        parsed = arns.parse(value) if type(value) is str else None
        if parsed is None or parsed.service != "sagemaker":
            return None
        return Found(value, parsed.account, parsed.kind)

    return read


def _lineage(kind: str, arn: Arn) -> Reader:
    """By its name in any case, or by its ARN: an action, a context, an entity of experiments.

    An artifact has an ARN only.
    """

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        account, region, name = _split(asker, kind, arn, value)
        if not lineage_names.is_name(name):
            return None
        return Found(arn(account, region, name.lower()), account, kind)

    return read


def _artifact_source(kind: str, arn: Arn) -> Reader:
    """The artifact that a source is, which its ARN is a digest of."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        source = lineage_names.source(value)
        if source is None:
            return None
        found = lineage_names.artifact_arn(asker.account, asker.region, *source)
        return Found(found, asker.account, kind)

    return read


def _association_end(kind: str, arn: Arn) -> Reader:
    """An ARN of what associations may join."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        parsed = arns.parse(value) if type(value) is str else None
        if parsed is None or parsed.service != "sagemaker":
            return None
        if parsed.kind not in lineage_names.ENDS:
            return None
        return Found(lineage_names.folded(value), parsed.account, parsed.kind)

    return read


def _role_arn(kind: str, arn: Arn) -> Reader:
    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        match = _ROLE_ARN.fullmatch(value) if type(value) is str else None
        return None if match is None else Found(value, match["account"], kind)

    return read


def _iam_arn(kind: str, arn: Arn) -> Reader:
    """An ARN of IAM's of this kind; AWS's own policies are of no account."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        match = _IAM_ARN.fullmatch(value) if type(value) is str else None
        if match is None or match["kind"] != kind:
            return None
        account = match["account"]
        return Found(value, "" if account == "aws" else account, kind)

    return read


def _principal_arn(kind: str, arn: Arn) -> Reader:
    """An ARN of a user, a group or a role."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        match = _IAM_ARN.fullmatch(value) if type(value) is str else None
        if match is None or match["kind"] not in ("user", "group", "role"):
            return None
        return Found(value, match["account"], match["kind"])

    return read


def _stored(kind: str, arn: Arn) -> Reader:
    """An IAM name, whose ARN has a path that only storage knows."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str or not _IAM_NAME.fullmatch(value):
            return None
        found = arn(asker.account, asker.region, value)
        return Found(found, asker.account, kind, Lookup(kind, value))

    return read


def _stored_or_own(kind: str, arn: Arn) -> Reader:
    """A user's name, or the calling user."""
    stored = _stored(kind, arn)

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if value is not None:
            return stored(asker, value, request)
        if _USER_ARN.fullmatch(asker.arn):
            return Found(asker.arn, asker.account, kind, Lookup("caller", asker.arn))
        is_root = asker.arn == f"arn:aws:iam::{asker.account}:root"
        return Found(asker.arn, asker.account, kind) if is_root else None

    return read


def _pathed(kind: str, arn: Arn) -> Reader:
    """An IAM name that the request gives its path."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        path = request.get("Path", "/")
        if type(value) is not str or not _IAM_NAME.fullmatch(value):
            return None
        if type(path) is not str or not _IAM_PATH.fullmatch(path):
            return None
        return Found(arn(asker.account, asker.region, path[1:] + value), asker.account, kind)

    return read


def _renamed(kind: str, arn: Arn) -> Reader:
    """What a user or group will be called: a new name, a new path, or both."""
    member = f"{kind.capitalize()}Name"

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        name, path = request.get(member), request.get("NewPath", "")
        becomes = request.get(f"New{member}", name)
        if type(name) is not str or type(becomes) is not str or type(path) is not str:
            return None
        if not _IAM_NAME.fullmatch(becomes) or (path and not _IAM_PATH.fullmatch(path)):
            return None
        found = arn(asker.account, asker.region, (path or "/")[1:] + becomes)
        return Found(found, asker.account, kind, Lookup(kind, name, becomes, path))

    return read


def _access_key(kind: str, arn: Arn) -> Reader:
    """The user whose key it is."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str:
            return None
        everyone = arn(asker.account, asker.region, "*")
        return Found(everyone, asker.account, kind, Lookup("access-key", value))

    return read


def _issuer(kind: str, arn: Arn) -> Reader:
    """An OIDC provider that is to be made, named after its URL."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        match = _ISSUER.fullmatch(value) if type(value) is str else None
        if match is None:
            return None
        return Found(arn(asker.account, asker.region, match["name"]), asker.account, kind)

    return read


def _account(kind: str, arn: Arn) -> Reader:
    """An account of the organization, whose ARN has the organization's id."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str or not _ACCOUNT.fullmatch(value):
            return None
        found = arn(asker.account, asker.region, f"*/{value}")
        return Found(found, "", kind, Lookup("account", value))

    return read


def _log_group(kind: str, arn: Arn) -> Reader:
    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str:
            return None
        if _LOG_GROUP.fullmatch(value):
            return Found(arn(asker.account, asker.region, value), asker.account, kind)
        match = _LOG_GROUP_ARN.fullmatch(value)
        if match is None:
            return None
        return Found(arn(match["account"], match["region"], match["name"]), match["account"], kind)

    return read


def _bucket(kind: str, arn: Arn) -> Reader:
    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        return _in_bucket(arn, value, "", kind)

    return read


def _object(kind: str, arn: Arn) -> Reader:
    """A key in the request's bucket; in a list of them each with its bucket's name."""

    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        of_list = type(value) is dict
        key = value.get("Key") if of_list else value
        is_version = "VersionId" in (value if of_list else request)
        return _in_bucket(arn, request.get("Bucket"), key, kind, is_version) if key else None

    return read


def _copy_source(kind: str, arn: Arn) -> Reader:
    def read(asker: Asker, value: Any, request: Document) -> Found | None:
        if type(value) is not str:
            return None
        source = s3_locations.copy_source(value.partition("?versionId=")[0])
        return (
            None
            if source is None
            else _in_bucket(arn, source.bucket, source.key, kind, "?versionId=" in value)
        )

    return read


def _in_bucket(
    arn: Arn, bucket: Any, key: Any, kind: str, is_version: bool = False
) -> Found | None:
    """Buckets' names have no slash, or a key could be taken for a part of one."""
    if type(bucket) is not str or type(key) is not str or not bucket or "/" in bucket:
        return None
    path = f"{bucket}/{key}" if key else bucket
    return Found(arn("", "", path), "", kind, Lookup("bucket", bucket), is_version)


_READERS: Mapping[str, Callable[[str, Arn], Reader]] = {
    "name": _by_name,
    "package": _package,
    "group": _group,
    "versions": _versions,
    "foreign-package": _foreign_package,
    "package-arn": _package_arn,
    "arn": _arn,
    "any-arn": _any_arn,
    "lineage": _lineage,
    "artifact-source": _artifact_source,
    "association-end": _association_end,
    "role-arn": _role_arn,
    "iam-arn": _iam_arn,
    "principal-arn": _principal_arn,
    "stored": _stored,
    "stored-or-own": _stored_or_own,
    "pathed": _pathed,
    "renamed": _renamed,
    "access-key": _access_key,
    "issuer": _issuer,
    "account": _account,
    "log-group": _log_group,
    "bucket": _bucket,
    "object": _object,
    "copy-source": _copy_source,
}
