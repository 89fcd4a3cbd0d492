"""What the registry announces of model packages. Knows not who listens."""

from collections.abc import Sequence

from modelyard import announcements
from modelyard.announcements import (
    Announcement,
    ModelPackageDecided,
    ModelPackageDeleted,
    ModelPackageRegistered,
    ModelPackageRespecified,
    ModelPackageStaged,
    Stage,
)
from modelyard.call import Call, Document
from modelyard.gate import Artifact
from modelyard.model_package_names import PackagePlace
from modelyard.registry.approval import Decision


async def registered(
    call: Call,
    name: PackagePlace,
    package: Document,
    artifacts: Sequence[Artifact],
    group_created_us: int,
) -> None:
    approval = package.get("ModelApprovalStatus", "")
    announcement = ModelPackageRegistered.of(package, artifacts, group_created_us, approval)
    await _announce(call, name, announcement)


async def updated(
    call: Call,
    name: PackagePlace,
    before: Document,
    after: Document,
    taken: Sequence[Artifact],
    decision: Decision | None,
) -> None:
    """`taken`: the bytes that the package did not stand for before."""
    by = call.principal.arn
    images = announcements.images_of(after)
    source_uri = after.get("SourceUri", "")
    if source_uri == before.get("SourceUri", ""):
        source_uri = ""
    if taken or source_uri or images != announcements.images_of(before):
        data = announcements.data_of(taken)
        respecified = ModelPackageRespecified(
            by=by, data=data, images=images, source_uri=source_uri
        )
        await _announce(call, name, respecified)
    if decision is not None:
        decided = ModelPackageDecided(
            by=by, approval=decision.approval, previous=decision.previous, note=decision.note
        )
        await _announce(call, name, decided)
    stage = Stage.of(after)
    if stage is not None and stage != Stage.of(before):
        await _announce(call, name, ModelPackageStaged(by=by, stage=stage))


async def deleted(call: Call, name: PackagePlace) -> None:
    await _announce(call, name, ModelPackageDeleted(by=call.principal.arn))


async def _announce(call: Call, name: PackagePlace, announcement: Announcement) -> None:
    await announcements.announce(
        call.tx, name.account, name.region, name.arn, announcement, call.now_us
    )
