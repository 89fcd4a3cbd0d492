"""What two or more model packages have in common and where they differ. Pure.

Every member becomes an item with a path, and what it is in each package. Members that name or date
a package (its ARN, its version, who made it and when) are not compared.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelyard.call import Document
from modelyard.gate import VERIFIED, Artifact
from modelyard.registry.archive_files import ArchivedFile

PACKAGES_MAX = 5
ITEMS_MAX = 5000  # of one answer

APPROVAL = "Approval"
SPECIFICATION = "Specification"
METADATA = "Metadata"
PARAMETERS = "Parameters"
METRICS = "Metrics"
CARD = "ModelCard"
ARTIFACTS = "Artifacts"
FILES = "Files"
SECTIONS = (APPROVAL, SPECIFICATION, METADATA, PARAMETERS, METRICS, CARD, ARTIFACTS, FILES)

_NOT_COMPARED = frozenset(
    {
        "ModelPackageName",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageStatusDetails",
        "CreationTime",
        "LastModifiedTime",
        "CreatedBy",
        "LastModifiedBy",
    }
)
_SECTION_OF = {
    "ModelApprovalStatus": APPROVAL,
    "ApprovalDescription": APPROVAL,
    "ModelLifeCycle": APPROVAL,
    "ModelPackageStatus": APPROVAL,
    "CustomerMetadataProperties": METADATA,
    "MetadataProperties": METADATA,
    "ModelPackageDescription": METADATA,
    "Domain": METADATA,
    "Task": METADATA,
}
# Properties that people use for parameters: `hyperparameters.max_depth`, `param:eta`.
_PARAMETER = re.compile(r"(?:hyper[-_]?)?param(?:eter)?s?[.:/]", re.IGNORECASE)
# Where the model card's JSON schema keeps hyperparameters: lists of name and value.
_JOB = ("training_details", "training_job_details")
_PARAMETER_LISTS = ("hyper_parameters", "user_provided_hyper_parameters")
_PLAIN = re.compile(r"[\w-]+")
_ARCHIVE_ENDS = (".tar.gz", ".tgz")

Value = tuple[str, str]  # the kind of a JSON value, which tells "1" from 1, and its text


@dataclass(frozen=True, slots=True)
class Compared:
    """A package as it is compared. `files` are those of each of its archives that was listed."""

    document: Document
    metrics: Mapping[str, float]
    artifacts: Sequence[Artifact]
    files: Mapping[str, Sequence[ArchivedFile]] = field(default_factory=dict)  # by digest


def items(packages: Sequence[Compared]) -> list[Document]:
    """Everything, section by section and then by name."""
    found = [*_members(packages), *_metrics(packages), *_artifacts(packages), *_files(packages)]
    return sorted(found, key=lambda item: SECTIONS.index(item["Section"]))


def limited(found: Sequence[Document]) -> tuple[list[Document], int]:
    """As many items as one answer has, and how many are left out: first those that are the same."""
    over = len(found) - ITEMS_MAX
    if over <= 0:
        return list(found), 0
    kept = [item for item in found if not item["Same"]][:ITEMS_MAX]
    same = [item for item in found if item["Same"]][: ITEMS_MAX - len(kept)]
    kept.extend(same)
    return sorted(kept, key=lambda item: SECTIONS.index(item["Section"])), over


def is_archive(artifact: Artifact) -> bool:
    """Whether the artifact is one that a container unpacks; others are files themselves."""
    return artifact.url.lower().endswith(_ARCHIVE_ENDS)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Value]]:
    """The scalars within a JSON value by their paths; no two documents have all in common."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            plain = _PLAIN.fullmatch(name) is not None
            step = name if plain else f"[{json.dumps(name)}]"
            yield from flat(member, f"{path}.{step}" if path and plain else f"{path}{step}")
    elif isinstance(value, list) and value:
        for number, member in enumerate(value):
            yield from flat(member, f"{path}[{number}]")
    elif isinstance(value, str):
        yield path, ("text", value)
    else:
        yield path, ("", json.dumps(value))


def _members(packages: Sequence[Compared]) -> Iterator[Document]:
    flattened = [_sections(package.document) for package in packages]
    for section in (APPROVAL, SPECIFICATION, METADATA, PARAMETERS, CARD):
        yield from _rows(section, [one[section] for one in flattened])


def _sections(document: Document) -> dict[str, dict[str, Value]]:
    """The scalars of a package's document by section and path."""
    found: dict[str, dict[str, Value]] = {section: {} for section in SECTIONS}
    for member, value in document.items():
        if member in _NOT_COMPARED:
            continue
        if member == "ModelCard":
            found[CARD] |= flat({**value, **_content(value, found[PARAMETERS])})
        elif member == "CustomerMetadataProperties":
            for key, text in value.items():
                section = PARAMETERS if _PARAMETER.match(key) else METADATA
                found[section][f"{member}[{json.dumps(key)}]"] = ("text", text)
        else:
            found[_SECTION_OF.get(member, SPECIFICATION)] |= flat(value, member)
    return found


def _content(card: Document, parameters: dict[str, Value]) -> Document:
    """The card's content as members; hyperparameters that it lists go to `parameters` instead."""
    if "ModelCardContent" not in card:
        return {}
    content = msgspec.json.decode(card["ModelCardContent"])
    _take_parameters(content, parameters)
    return {"ModelCardContent": content}


def _take_parameters(content: Any, parameters: dict[str, Value]) -> None:
    job = content
    for step in _JOB:
        job = job.get(step) if isinstance(job, dict) else None
    if not isinstance(job, dict):
        return
    for member in _PARAMETER_LISTS:
        listed = job.get(member)
        if not isinstance(listed, list) or not all(map(_is_parameter, listed)):
            continue
        named = {f"{member}[{json.dumps(one['name'])}]": one["value"] for one in listed}
        if len(named) == len(listed):
            del job[member]
            for name, value in named.items():
                parameters.update(flat(value, name))


def _is_parameter(one: Any) -> bool:
    return (
        isinstance(one, dict) and one.keys() == {"name", "value"} and isinstance(one["name"], str)
    )


def _rows(section: str, columns: Sequence[Mapping[str, Value]]) -> Iterator[Document]:
    """An item a name that any column has, in the order in which the names first come."""
    for name in dict.fromkeys(name for column in columns for name in column):
        values = [column.get(name) for column in columns]
        shown = [
            {"Present": False} if value is None else {"Present": True, "Value": value[1]}
            for value in values
        ]
        yield _item(section, name, len(set(values)) == 1, shown)


def _item(section: str, name: str, same: bool, values: list[Document]) -> Document:
    return {"Section": section, "Name": name, "Same": same, "Values": values}


def _metrics(packages: Sequence[Compared]) -> Iterator[Document]:
    for name in sorted({name for package in packages for name in package.metrics}):
        numbers = [package.metrics.get(name) for package in packages]
        first = numbers[0]
        values: list[Document] = []
        for place, number in enumerate(numbers):
            if number is None:
                values.append({"Present": False})
                continue
            value: Document = {"Present": True, "Value": repr(number), "Number": number}
            if place and first is not None:
                value["Delta"] = number - first
            values.append(value)
        yield _item(METRICS, name, len(set(numbers)) == 1, values)


def _artifacts(packages: Sequence[Compared]) -> Iterator[Document]:
    """Archives by their place, by digest; the URLs of all are in the specification."""
    columns = []
    for package in packages:
        archives = [one for one in package.artifacts if _is_whole(one)]
        columns.append(
            {f"ModelData[{number}]": _identity(one) for number, one in enumerate(archives)}
        )
    yield from _rows(ARTIFACTS, columns)


def _is_whole(artifact: Artifact) -> bool:
    return is_archive(artifact) or artifact.state != VERIFIED


def _identity(artifact: Artifact) -> Value:
    if artifact.state != VERIFIED:
        return "text", f"{artifact.state} {artifact.url}"
    return "text", f"sha256:{artifact.sha256} {artifact.bytes} bytes"


def _files(packages: Sequence[Compared]) -> Iterator[Document]:
    columns = [_files_of(package) for package in packages]
    for name in sorted({name for column in columns for name in column}):
        found = [column.get(name) for column in columns]
        values: list[Document] = [
            {"Present": False}
            if one is None
            else {"Present": True, "Value": one.sha256, "Bytes": one.bytes}
            for one in found
        ]
        yield _item(FILES, name, len({one and one.sha256 for one in found}) == 1, values)


def _files_of(package: Compared) -> dict[str, ArchivedFile]:
    """The package's files by path; those of its second archive have `2:` before them."""
    found: dict[str, ArchivedFile] = {}
    archives = [one for one in package.artifacts if is_archive(one)]
    for number, artifact in enumerate(archives, 1):
        before = f"{number}:" if number > 1 else ""
        for file in package.files.get(artifact.sha256, ()):
            found[before + file.path] = file
    for artifact in package.artifacts:
        if not _is_whole(artifact):
            path = artifact.url.removeprefix(artifact.source).lstrip("/")
            path = path or artifact.url.rpartition("/")[2]
            found[path] = ArchivedFile(path, artifact.bytes, artifact.sha256)
    return found
