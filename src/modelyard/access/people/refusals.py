"""What IAM and STS answer about passwords and identity tokens, in AWS's codes."""

from modelyard.errors import Refusal


class PasswordPolicyViolation(Refusal):
    code = "PasswordPolicyViolation"


class InvalidUserType(Refusal):
    code = "InvalidUserType"


class InvalidIdentityToken(Refusal):
    code = "InvalidIdentityToken"


class ExpiredToken(Refusal):
    code = "ExpiredTokenException"


class IDPCommunicationError(Refusal):
    code = "IDPCommunicationError"
