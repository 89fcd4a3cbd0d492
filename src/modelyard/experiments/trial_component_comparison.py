"""CompareTrialComponents, of our own service: runs side by side."""

from modelyard import call as calls
from modelyard.call import Call, Document
from modelyard.experiments import comparison, trial_components


@calls.scan
async def compare_trial_components(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound: there is no such trial component."""
    found = await trial_components.measured(call, request["TrialComponentNames"])
    items = comparison.items(found)
    shown, left_out = comparison.limited(items)
    members = ("TrialComponentName", "TrialComponentArn", "DisplayName")
    return {
        "TrialComponents": [{member: one[member] for member in members} for one in found],
        "Same": all(item["Same"] for item in items),
        "Items": shown,
        **({"LeftOut": left_out} if left_out else {}),
    }
