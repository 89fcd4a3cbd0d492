"""The errors of the SageMaker runtime, which differ in name from those of the control plane."""

from modelyard.errors import Refusal


class ValidationError(Refusal):
    """The runtime's word for what the control plane calls ValidationException."""

    code = "ValidationError"


class ModelError(Refusal):
    """The container failed. Details: OriginalStatusCode, OriginalMessage, LogStreamArn."""

    code = "ModelError"
    status = 424
