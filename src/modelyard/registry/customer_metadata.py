"""Rules of CustomerMetadataProperties. Pure."""

from collections.abc import Iterable, Mapping

from modelyard.errors import ValidationException

PROPERTIES_MAX = 50  # CustomerMetadataMap, max; it holds for the whole, not for one request


def merged(
    present: Mapping[str, str], given: Mapping[str, str], removed: Iterable[str]
) -> dict[str, str]:
    """What is left after setting `given` by key and removing `removed`.

    Removing what is not there is no error.
    Raises: ValidationException: too many, or a contradiction.
    """
    removed = set(removed)
    contradiction = sorted(removed & set(given))
    if contradiction:
        raise ValidationException(
            f"CustomerMetadataProperties and CustomerMetadataPropertiesToRemove both name"
            f" {contradiction[0]}; set it or remove it."
        )
    result = {key: value for key, value in {**present, **given}.items() if key not in removed}
    if len(result) > PROPERTIES_MAX:
        raise ValidationException(
            f"A model package may have {PROPERTIES_MAX} CustomerMetadataProperties; this update"
            f" would make {len(result)}."
        )
    return result
