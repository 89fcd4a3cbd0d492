"""What hosting asks of one running replica. Knows neither processes nor frames nor HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request for a prediction. `headers` are further attributes, such as CustomAttributes."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model's container said: any status from 200; 400 and above become a ModelError."""

    status: int
    body: bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class ReplicaGone(Exception):
    """The replica ended before it answered.

    `started` tells whether it may have begun this very request: if not, the request can be given to
    another replica without counting as an attempt.
    """

    def __init__(self, reason: str, *, started: bool) -> None:
        super().__init__(reason)
        self.started = started


class ReplicaBusy(Exception):
    """The replica's queue is full; nothing was begun."""


class InvocationTimedOut(Exception):
    """No answer within the deadline. If the request had begun, its replica has been killed."""


class Replica(Protocol):
    """One replica that is ready."""

    @property
    def in_flight(self) -> int:
        """Requests it has accepted and not answered, for choosing the least busy one."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """Answer one invocation. Raises: ReplicaGone, ReplicaBusy, InvocationTimedOut."""
