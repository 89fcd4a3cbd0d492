"""CloudWatch Logs, as far as clients need it before logs are kept: no log group exists.

The SageMaker SDK of the version 3 line looks for an endpoint's logs while it waits for the
endpoint, and goes on without them only at exactly this refusal.
"""

from modelyard import call as calls
from modelyard.call import Document, OpenCall
from modelyard.errors import Refusal


class ResourceNotFoundException(Refusal):
    """The log group or stream is not there."""

    code = "ResourceNotFoundException"


@calls.open_ended
async def filter_log_events(call: OpenCall, request: Document) -> Document:
    raise ResourceNotFoundException("The specified log group does not exist.")
