"""Rules of approval. Pure.

The three values and every change between them are allowed, as on AWS; who may make which is a
matter of policies. "Archived" is a life-cycle stage, not an approval.
"""

from dataclasses import dataclass

from modelyard.call import Document

PENDING = "PendingManualApproval"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision; `previous` is "" at registration, `note` "" when none was given."""

    approval: str
    previous: str
    note: str


def initial(request: Document, *, versioned: bool) -> str:
    """The status at registration; "" for an unversioned package, which needs no approval."""
    given: str = request.get("ModelApprovalStatus", PENDING if versioned else "")
    return given


def at_registration(request: Document) -> Decision | None:
    """The decision that a registration makes, if it states one."""
    if "ModelApprovalStatus" not in request:
        return None
    return Decision(request["ModelApprovalStatus"], "", "")


def of_update(package: Document, request: Document) -> Decision | None:
    """The decision that an update makes: another status, or a note about the present one."""
    previous: str = package.get("ModelApprovalStatus", "")
    approval: str = request.get("ModelApprovalStatus", previous)
    note: str = request.get("ApprovalDescription", "")
    if not approval or (approval == previous and not note):
        return None
    return Decision(approval, previous, note)
