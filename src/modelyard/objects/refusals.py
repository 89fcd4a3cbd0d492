"""S3's own error codes, in S3's words. Knows no operation; common AWS errors are in `errors`."""

from modelyard.errors import Refusal


class NoSuchBucket(Refusal):
    code = "NoSuchBucket"
    status = 404


class NoSuchBucketPolicy(Refusal):
    code = "NoSuchBucketPolicy"
    status = 404


class MalformedPolicy(Refusal):
    code = "MalformedPolicy"


class NoSuchKey(Refusal):
    code = "NoSuchKey"
    status = 404


class NoSuchUpload(Refusal):
    code = "NoSuchUpload"
    status = 404


class NoSuchVersion(Refusal):
    code = "NoSuchVersion"
    status = 404


class AccessDenied(Refusal):
    code = "AccessDenied"
    status = 403


class BucketAlreadyExists(Refusal):
    code = "BucketAlreadyExists"
    status = 409


class BucketAlreadyOwnedByYou(Refusal):
    code = "BucketAlreadyOwnedByYou"
    status = 409


class BucketNotEmpty(Refusal):
    code = "BucketNotEmpty"
    status = 409


class InvalidBucketName(Refusal):
    code = "InvalidBucketName"


class InvalidLocationConstraint(Refusal):
    code = "InvalidLocationConstraint"


class IllegalLocationConstraint(Refusal):
    code = "IllegalLocationConstraintException"


class InvalidArgument(Refusal):
    code = "InvalidArgument"


class InvalidRequest(Refusal):
    code = "InvalidRequest"


class InvalidUri(Refusal):
    code = "InvalidURI"


class InvalidTag(Refusal):
    code = "InvalidTag"


class KeyTooLong(Refusal):
    code = "KeyTooLongError"


class MetadataTooLarge(Refusal):
    code = "MetadataTooLarge"


class MalformedXml(Refusal):
    code = "MalformedXML"


class NotImplementedHere(Refusal):
    """501, which SDKs do not repeat."""

    code = "NotImplemented"
    status = 501


class AccessControlListNotSupported(Refusal):
    code = "AccessControlListNotSupported"


class InvalidStorageClass(Refusal):
    code = "InvalidStorageClass"


class BadDigest(Refusal):
    code = "BadDigest"


class InvalidDigest(Refusal):
    code = "InvalidDigest"


class ContentSha256Mismatch(Refusal):
    code = "XAmzContentSHA256Mismatch"


class IncompleteBody(Refusal):
    code = "IncompleteBody"


class MalformedTrailer(Refusal):
    code = "MalformedTrailerError"


class MissingContentLength(Refusal):
    code = "MissingContentLength"
    status = 411


class EntityTooLarge(Refusal):
    code = "EntityTooLarge"


class EntityTooSmall(Refusal):
    code = "EntityTooSmall"


class InvalidPart(Refusal):
    code = "InvalidPart"


class InvalidPartOrder(Refusal):
    code = "InvalidPartOrder"


class InvalidPartNumber(Refusal):
    code = "InvalidPartNumber"
    status = 416


class InvalidRange(Refusal):
    code = "InvalidRange"
    status = 416


class PreconditionFailed(Refusal):
    code = "PreconditionFailed"
    status = 412


class NotModified(Refusal):
    """304: the answer has no body, and neither has its error."""

    code = "NotModified"
    status = 304


class InternalError(Refusal):
    """The bytes on the disk are not the bytes that were stored. Never answered with those bytes."""

    code = "InternalError"
    status = 500
