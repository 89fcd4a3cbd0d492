"""AddTags, ListTags, DeleteTags, on resources of every kind this server has.

Kinds of other families are known here by their table alone: a resource is there if its ARN is.
"""

from modelyard import call as calls
from modelyard import model_package_names as names
from modelyard import tag_rules
from modelyard.call import Call, Document
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.storage import tags

# ARN kind -> table, and how a missing one is worded, as the operations on that kind word it.
_KINDS = {
    "model-package-group": ("model_package_group", "ModelPackageGroup {} does not exist."),
    "model-package": ("model_package", "ModelPackage {} does not exist."),
    "model": ("model", 'Could not find model "{}".'),
    "endpoint-config": ("endpoint_config", 'Could not find endpoint configuration "{}".'),
    "endpoint": ("endpoint", 'Could not find endpoint "{}".'),
    "artifact": ("lineage_entity", "{} does not exist."),
    "action": ("lineage_entity", "{} does not exist."),
    "context": ("lineage_entity", "{} does not exist."),
    "experiment": ("experiment", "Experiment '{}' does not exist."),
    "experiment-trial": ("trial", "Trial '{}' does not exist."),
    "experiment-trial-component": ("trial_component", "Trial component '{}' does not exist."),
}


@calls.write
async def add_tags(call: Call, request: Document) -> Document:
    row = await _resource(call, request["ResourceArn"], locked=True)
    given = tag_rules.read(request["Tags"])
    before = await tags.of(call.tx, *row)
    after = {**before, **given}
    if len(after) > tag_rules.TAGS_MAX:
        raise ValidationException(
            f"A resource may have {tag_rules.TAGS_MAX} tags; {row[2]} would have {len(after)}."
        )
    await tags.put(call.tx, *row, given)
    call.changed(row[2], {"Tags": before}, {"Tags": after})
    return {"Tags": tag_rules.written(after)}


@calls.read
async def list_tags(call: Call, request: Document) -> Document:
    """All tags by key. They fit in the smallest page a client can ask for, so there is one page."""
    row = await _resource(call, request["ResourceArn"], locked=False)
    if request.get("NextToken"):
        raise ValidationException("Invalid NextToken.")
    found = await tags.of(call.tx, *row)
    return {"Tags": tag_rules.written(found)}


@calls.write
async def delete_tags(call: Call, request: Document) -> Document:
    """Keys that are not there are no error."""
    row = await _resource(call, request["ResourceArn"], locked=True)
    tag_rules.refuse_reserved(request["TagKeys"])
    before = await tags.of(call.tx, *row)
    await tags.remove(call.tx, *row, request["TagKeys"])
    after = {key: value for key, value in before.items() if key not in request["TagKeys"]}
    call.changed(row[2], {"Tags": before}, {"Tags": after})
    return {}


async def _resource(call: Call, text: str, *, locked: bool) -> tuple[str, str, str]:
    """Account, region and ARN of a resource that is there.

    With `locked` nobody else tags or deletes it meanwhile.

    Raises: ValidationException: it is not there, or takes no tags. AccessDeniedException: it is
    another account's, and not shared.
    """
    arn = arns.parse(text)
    if arn is None or arn.kind not in _KINDS:
        raise ValidationException(f"{text} names no resource that can be tagged.")
    if not call.reaches(names.holder(text), arn.account):
        raise call.denied(text)
    table, missing = _KINDS[arn.kind]
    if locked and arn.version is not None:
        raise ValidationException(
            f"{text} is a versioned model package, which takes no tags: it uses the tags of its"
            " model package group. Use CustomerMetadataProperties for a version's own."
        )
    where = "WHERE account = ? AND region = ? AND arn = ?"
    sql = f"SELECT arn FROM {table} {where}"
    if locked:
        sql = f"UPDATE {table} SET modified_us = modified_us {where} RETURNING arn"
    row = (arn.account, call.region, text)
    if await call.tx.one(sql, *row) is None:
        raise ValidationException(missing.format(text))
    return row
