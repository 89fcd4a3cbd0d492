"""What the controller asks of whatever runs replicas. Knows no particular way of running them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from modelyard.hosting.replicas import Replica


@dataclass(frozen=True, slots=True)
class Execution:
    """Whose permissions model code has at the server's door, and where it is."""

    role_arn: str  # "" of a deployment that was made before roles were kept
    account: str  # of the endpoint
    region: str
    source_arn: str  # the endpoint's, for trust policies that ask


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """Everything a replica needs, complete: a backend looks nothing up.

    `folder` belongs to this replica alone; the backend makes it and removes it. `archive` is
    a local model.tar.gz that the replica may read, None for an image that brings its own
    model.
    """

    id: str
    image: str
    archive: Path | None
    folder: Path
    code_archive: Path | None = None  # what SAGEMAKER_SUBMIT_DIRECTORY names, if it is an s3 URI
    environment: Mapping[str, str] = field(default_factory=dict)
    execution: Execution | None = None  # None: isolated, no door
    memory_bytes: int = 2 << 30
    threads: int = 1
    start_seconds_max: float = 600.0
    invoke_seconds_max: float = 60.0  # AWS: a model must answer within 60 seconds


@dataclass(frozen=True, slots=True)
class Starting:
    """Accepted; the model is not loaded yet."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded and answers."""

    replica: Replica


@dataclass(frozen=True, slots=True)
class Ended:
    """Gone, by itself or by `stop`. `reason` is a sentence for FailureReason."""

    reason: str
    log_tail: str


State = Starting | Ready | Ended


class Backend(Protocol):
    """Starts, stops and watches replicas. Every method may be called again for the same id."""

    async def start(self, spec: ReplicaSpec) -> None:
        """Begin to start; returns at once. Does nothing for an id that it already knows."""

    async def stop(self, replica_id: str, grace_seconds: float) -> None:
        """Drain, end and forget a replica and remove its folder. Nothing of it remains after."""

    def states(self) -> Mapping[str, State]:
        """Every replica that was started and not yet stopped, as it is now."""

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on the event loop after any state changes; returns how to end that."""

    async def close(self) -> None:
        """End every replica."""
