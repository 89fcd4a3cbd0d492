"""Organizations' own refusals, in AWS's codes. `Reason` is one of the words of its model."""

from modelyard.errors import Refusal


class InvalidInputException(Refusal):
    code = "InvalidInputException"


class ConstraintViolationException(Refusal):
    code = "ConstraintViolationException"


class AccountNotFoundException(Refusal):
    code = "AccountNotFoundException"


class AccountAlreadyClosedException(Refusal):
    code = "AccountAlreadyClosedException"


class CreateAccountStatusNotFoundException(Refusal):
    code = "CreateAccountStatusNotFoundException"
