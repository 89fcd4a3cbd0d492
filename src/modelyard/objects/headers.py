"""What an object carries besides its bytes: content headers, user metadata, and what is refused."""

from modelyard.call import Document
from modelyard.objects import refusals

METADATA_BYTES_MAX = 2048  # S3: user-defined metadata, names and values together
CONTENT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
)
_DEFAULT_TYPE = "binary/octet-stream"
_AWS_CHUNKED = "aws-chunked"
# Members that ask for something this server does not do. Refused: a client must not believe that
# its object is encrypted under its key, locked or redirected when it is not.
_NOT_IMPLEMENTED = (
    "BucketKeyEnabled",
    "CopySourceSSECustomerAlgorithm",
    "CopySourceSSECustomerKey",
    "CopySourceSSECustomerKeyMD5",
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWrite",
    "GrantWriteACP",
    "ObjectLockEnabledForBucket",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "SSEKMSEncryptionContext",
    "SSEKMSKeyId",
    "WebsiteRedirectLocation",
    "WriteOffsetBytes",
)
# These ask that the store encrypt under a key of its own choice. The SageMaker SDK asks for aws:kms
# whenever it uploads a script (sagemaker 2.257, fw_utils.tar_and_upload_dir), so refusing would
# close script mode. Nothing is encrypted, and no answer says that it was.
_ENCRYPTIONS_OF_THE_STORE = frozenset({"AES256", "aws:kms"})
# The bucket owner owns everything, so these two say what holds anyway.
_ACLS = frozenset({"private", "bucket-owner-full-control"})


def check(request: Document) -> None:
    """Refuse what is not offered rather than ignore it.

    Raises: NotImplementedHere, AccessControlListNotSupported, InvalidStorageClass, NoSuchVersion.
    """
    for member in _NOT_IMPLEMENTED:
        if request.get(member):
            raise _not_implemented(member)
    if request.get("ServerSideEncryption", "AES256") not in _ENCRYPTIONS_OF_THE_STORE:
        raise _not_implemented("ServerSideEncryption")
    if request.get("ACL", "private") not in _ACLS:
        raise refusals.AccessControlListNotSupported("The bucket does not allow ACLs")
    if request.get("StorageClass", "STANDARD") != "STANDARD":
        raise refusals.InvalidStorageClass("The storage class you specified is not valid")
    check_version(request)


def _not_implemented(member: str) -> refusals.NotImplementedHere:
    return refusals.NotImplementedHere(
        "A header you provided implies functionality that is not implemented", Header=member
    )


def check_version(request: Document) -> None:
    """Without versioning there is one version, named "null". Raises: NoSuchVersion."""
    if request.get("VersionId", "null") != "null":
        raise refusals.NoSuchVersion(
            "The specified version does not exist.",
            Key=request.get("Key", ""),
            VersionId=request["VersionId"],
        )


def read(request: Document) -> Document:
    """What of a request's headers stays with the object. Raises: MetadataTooLarge."""
    kept = {member: request[member] for member in CONTENT if member in request}
    kept.setdefault("ContentType", _DEFAULT_TYPE)
    encoding = _without_framing(kept.pop("ContentEncoding", ""))
    if encoding:
        kept["ContentEncoding"] = encoding
    metadata = {name.lower(): value for name, value in request.get("Metadata", {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise refusals.MetadataTooLarge(
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=str(size),
            MaxSizeAllowed=str(METADATA_BYTES_MAX),
        )
    if metadata:
        kept["Metadata"] = metadata
    return kept


def kept(document: Document) -> Document:
    """The same, of an object's document: what a copy takes along."""
    return {m: document[m] for m in (*CONTENT, "Metadata") if m in document}


def _without_framing(encoding: str) -> str:
    """aws-chunked is how the body travelled, not what it is."""
    names = [name.strip() for name in encoding.split(",")]
    return ",".join(name for name in names if name and name.lower() != _AWS_CHUNKED)
