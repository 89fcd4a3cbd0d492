"""The closed set of what may go wrong, as three kinds.

    Refusal           what a client may be told, in AWS's codes and words
      Declared        errors that an operation's service model declares
      Common          errors that any AWS operation may answer
      (S3's and IAM's own codes subclass Refusal beside the code that raises them)
    NotAuthenticated  the caller could not be established; each protocol words it its own way
    Fact              what storage may say; an operation turns it into a Refusal

Whatever else escapes becomes InternalFailure at the edge, with the request id and nothing more.
"""

from enum import Enum
from typing import ClassVar


class Refusal(Exception):
    """An answer the client is meant to read. `details` are the error shape's further members."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class ResourceNotFound(Refusal):
    code = "ResourceNotFound"


class ResourceInUse(Refusal):
    code = "ResourceInUse"


class ResourceLimitExceeded(Refusal):
    code = "ResourceLimitExceeded"


class ConflictException(Refusal):
    code = "ConflictException"


class ValidationException(Refusal):
    code = "ValidationException"


class AccessDeniedException(Refusal):
    code = "AccessDeniedException"


class ThrottlingException(Refusal):
    code = "ThrottlingException"


class UnknownOperationException(Refusal):
    code = "UnknownOperationException"


class SerializationException(Refusal):
    """The body is not what the protocol says: not JSON, not an object, nested too deep."""

    code = "SerializationException"


class RequestEntityTooLarge(Refusal):
    code = "RequestEntityTooLargeException"
    status = 413


class RequestTimeout(Refusal):
    """The client did not finish sending in time. 408 is one that SDKs do not repeat."""

    code = "RequestTimeoutException"
    status = 408


class ServiceUnavailable(Refusal):
    """Storage is away, full or busy for too long. SDKs retry a 503."""

    code = "ServiceUnavailable"
    status = 503


class InternalFailure(Refusal):
    code = "InternalFailure"
    status = 500


class Doubt(Enum):
    """Why a caller could not be established."""

    MISSING = "missing"  # no credentials at all
    MALFORMED = "malformed"  # credentials that cannot be read
    UNKNOWN_KEY = "unknown_key"  # no such access key, or it is inactive
    BAD_SIGNATURE = "bad_signature"  # does not match, or is scoped to something else
    SKEWED = "skewed"  # signed too long ago or too far ahead
    EXPIRED_TOKEN = "expired_token"  # temporary credentials past their end
    BAD_TOKEN = "bad_token"  # a session token that is missing, foreign or altered
    EXPIRED_URL = "expired_url"  # a presigned URL past its end


class NotAuthenticated(Exception):
    """The caller is not who the request says, or does not say."""

    def __init__(self, doubt: Doubt, message: str) -> None:
        super().__init__(message)
        self.doubt = doubt
        self.message = message


class Fact(Exception):
    """What storage may say. Never shown to a client."""


class NotFound(Fact):
    """No such row."""


class Conflict(Fact):
    """A row with this key exists already."""


class Unavailable(Fact):
    """The database is away, the disk is full, or the wait for a lock was too long."""
