"""Keeps one endpoint as it is wanted: looks at its replicas, plans, carries the plan out.

Holds what may be lost with the process: which replicas run, what trouble they had. Decides nothing;
rollout.plan does. Slow work (fetching, starting, stopping, recording) runs in tasks, so that one
endpoint never waits for another, nor routing for the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelyard import errors
from modelyard.compute.artifacts import ArtifactLost
from modelyard.compute.backend import Backend, Ended, Execution, Ready, ReplicaSpec
from modelyard.hosting import rollout, wishes
from modelyard.hosting.rollout import Health, Place, Seen, Trouble
from modelyard.hosting.routing import EndpointKey, Fleet, RoutingTable, Slot
from modelyard.hosting.wishes import Wish
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

_STOP_GRACE_SECONDS = 2.0
_RECORD_AGAIN_SECONDS = 1.0
_BACKEND_MARGIN_SECONDS = (
    30.0  # what rollout allows for a start runs out before the backend's limit
)
_LOG_CHARACTERS_MAX = 500  # of a replica's last words in FailureReason

log = logging.getLogger(__name__)


class Clock(Protocol):
    """Wall-clock time for what is recorded, monotonic time for every deadline."""

    def now_us(self) -> int: ...

    def monotonic(self) -> float: ...


class ArtifactSource(Protocol):
    """See artifacts.Artifacts."""

    async def fetch(self, account: str, container: Mapping[str, Any]) -> Path | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What every replica gets. Instance types do not change it yet."""

    memory_bytes: int = 2 << 30
    threads: int = 1
    start_seconds_max: float = rollout.START_SECONDS_MAX
    invoke_seconds_max: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What keepers share."""

    database: Database
    backend: Backend
    routing: RoutingTable
    artifacts: ArtifactSource
    folder: Path  # of all replicas
    sizes: Sizes
    clock: Clock
    new_id: Callable[[], str]
    look: Callable[[EndpointKey], None]  # asks for the keeper's next `turn`


@dataclass(slots=True)
class _Replica:
    id: str
    place: Place
    since: float  # it is starting, or ready
    health: Health = Health.STARTING
    reason: str = ""
    decisive: bool = False
    handed_over: bool = False  # to the backend
    archives: list[Path] = field(default_factory=list)
    slot: Slot | None = None
    draining_since: float | None = None
    work: set[asyncio.Task[None]] = field(default_factory=set)


class Keeper:
    """One endpoint, from the first wish to the last replica."""

    def __init__(self, means: Means, key: EndpointKey, arn: str) -> None:
        self.arn = arn
        self.wish: Wish | None = None  # None: there is no such endpoint
        self.look_again_at: float | None = None
        self._key = key
        self._reading = asyncio.Lock()
        self._means = means
        self._replicas: dict[str, _Replica] = {}
        self._troubles: dict[Place, Trouble] = {}
        self._routed: tuple[int, frozenset[str]] | None = None
        self._recording: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Nothing is wanted and nothing is left."""
        return self.wish is None and not self._replicas and self._routed is None

    async def refresh(self) -> None:
        """Want what the rows want now. Raises: Unavailable.

        One reading at a time, so that a later one is never overtaken by an earlier.
        """

        async def read(tx: Transaction) -> Wish | None:
            return await wishes.of(tx, self.arn)

        async with self._reading:
            self._want(await self._means.database.read(read))

    def _want(self, wish: Wish | None) -> None:
        self.wish = wish
        places = set(self._desired().places())
        self._troubles = {p: t for p, t in self._troubles.items() if p in places}

    def digests(self) -> set[str]:
        """Of all archives that its replicas may need."""
        used = {archive.name for r in self._replicas.values() for archive in r.archives}
        for deployment in self._deployments():
            for variant in deployment.variants:
                for container in variant["Containers"]:
                    for member in ("Artifact", "Code"):
                        used.add(container.get(member, {}).get("Sha256", ""))
        return used

    def turn(self) -> None:
        """Look, plan and begin to carry out, until the plan is to wait."""
        self.look_again_at = None
        while True:
            actions = rollout.plan(self._desired(), self._observed())
            again = False
            for action in actions:
                again |= self._carry_out(action)
            if not again:
                return

    async def close(self) -> None:
        """Stop whatever runs; the rows still want it, and the next controller begins anew."""
        self._means.routing.remove(self._key)
        self._routed = None
        for replica in list(self._replicas.values()):
            self._stop(replica)
        tasks = [task for replica in self._replicas.values() for task in replica.work]
        if self._recording is not None:
            tasks.append(self._recording)
        if tasks:
            await asyncio.wait(tasks)

    # What is wanted and what there is, in rollout's terms.

    def _deployments(self) -> list[wishes.Deployment]:
        if self.wish is None:
            return []
        return [d for d in (self.wish.serving, self.wish.coming) if d is not None]

    def _desired(self) -> rollout.Desired:
        if self.wish is None:
            return rollout.Desired()
        return rollout.Desired(
            self._deployment_wish(self.wish.serving),
            self._deployment_wish(self.wish.coming),
            self.wish.ending,
        )

    def _deployment_wish(
        self, deployment: wishes.Deployment | None
    ) -> rollout.DeploymentWish | None:
        if deployment is None:
            return None
        default = self._means.sizes.start_seconds_max
        variants = {
            variant["VariantName"]: rollout.VariantWish(
                variant["InitialInstanceCount"],
                variant.get("ContainerStartupHealthCheckTimeoutInSeconds", default),
            )
            for variant in deployment.variants
        }
        return rollout.DeploymentWish(deployment.number, variants, deployment.scales)

    def _observed(self) -> rollout.Observed:
        now = self._means.clock.monotonic()
        states = self._means.backend.states()
        for replica in self._replicas.values():
            self._look_at(replica, states, now)
        seen = tuple(
            Seen(
                id=replica.id,
                place=replica.place,
                health=replica.health,
                since=replica.since,
                reason=replica.reason,
                decisive=replica.decisive,
                busy=replica.slot.busy if replica.slot is not None else 0,
                draining_since=replica.draining_since,
            )
            for replica in self._replicas.values()
        )
        return rollout.Observed(now, seen, self._troubles, self._routed)

    def _look_at(self, replica: _Replica, states: Mapping[str, Any], now: float) -> None:
        if replica.health in (Health.STOPPING, Health.ENDED) or not replica.handed_over:
            return
        state = states.get(replica.id, Ended("The replica was lost.", ""))
        if isinstance(state, Ended):
            self._ended(replica, _last_words(state))
        elif replica.slot is not None and replica.slot.dead:
            self._ended(replica, "The replica broke its connection.")
        elif isinstance(state, Ready) and replica.slot is None:
            replica.slot = Slot(replica.place.variant, state.replica, self._look)
            replica.health, replica.since = Health.READY, now

    def _ended(self, replica: _Replica, reason: str, decisive: bool = False) -> None:
        replica.health = Health.ENDED
        replica.reason, replica.decisive = reason, decisive

    # Actions. Each answers whether the plan has to be made again at once.

    def _carry_out(self, action: rollout.Action) -> bool:
        match action:
            case rollout.Start(place):
                self._start(place)
            case rollout.Route(deployment, ids):
                self._route(deployment, ids)
            case rollout.Unroute():
                self._means.routing.remove(self._key)
                self._routed = None
                return True
            case rollout.Drain(name):
                self._drain(self._replicas[name])
            case rollout.Stop(name):
                self._stop(self._replicas[name])
            case rollout.Bury():
                self._bury(action)
                return True
            case rollout.LookAgain(at):
                self.look_again_at = at
            case rollout.Succeed() | rollout.Fail() | rollout.Vanish():
                self._record(action)
        return isinstance(action, rollout.Route)

    def _start(self, place: Place) -> None:
        now = self._means.clock.monotonic()
        replica = _Replica(self._means.new_id(), place, now)
        self._replicas[replica.id] = replica
        variant = self._variant(place)
        log.info("replica_starting", extra=self._fields(replica))
        self._work(replica, self._bring_up(replica, variant))

    async def _bring_up(self, replica: _Replica, variant: Mapping[str, Any]) -> None:
        """Fetch the bytes and hand over to the backend, which does the rest."""
        container = variant["Containers"][0]
        sizes = self._means.sizes
        try:
            archive = await self._fetch(replica, container)
            code = await self._fetch(replica, _code(container))
        except ArtifactLost as lost:
            self._ended(replica, str(lost), decisive=True)
            return
        except (errors.Unavailable, OSError) as error:
            # The plan starts another one after a pause.
            reason = f"The artifact could not be fetched: {error}"
            self._ended(replica, reason)
            return
        if replica.health is not Health.STARTING:
            return  # no longer wanted
        limit = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", sizes.start_seconds_max)
        spec = ReplicaSpec(
            id=replica.id,
            image=container["Image"],
            archive=archive,
            code_archive=code,
            folder=self._means.folder / replica.id,
            environment=container["Environment"],
            execution=self._execution(variant),
            memory_bytes=sizes.memory_bytes,
            threads=sizes.threads,
            start_seconds_max=limit + _BACKEND_MARGIN_SECONDS,
            invoke_seconds_max=sizes.invoke_seconds_max,
        )
        await self._means.backend.start(spec)
        replica.handed_over = True

    def _execution(self, variant: Mapping[str, Any]) -> Execution | None:
        if variant.get("EnableNetworkIsolation"):
            return None
        region, role_arn = self.arn.split(":")[3], variant.get("ExecutionRoleArn", "")
        return Execution(role_arn, self._key.account, region, self.arn)

    async def _fetch(self, replica: _Replica, container: Mapping[str, Any]) -> Path | None:
        archive = await self._means.artifacts.fetch(self._key.account, container)
        if archive is not None:
            replica.archives.append(archive)
        return archive

    def _route(self, number: int, ids: frozenset[str]) -> None:
        deployment = next(d for d in self._deployments() if d.number == number)
        weights = {v["VariantName"]: v["InitialVariantWeight"] for v in deployment.variants}
        slots = [self._replicas[one].slot for one in sorted(ids)]
        fleet = Fleet(weights, [slot for slot in slots if slot is not None])
        self._means.routing.set(self._key, fleet)
        self._routed = (number, ids)

    def _drain(self, replica: _Replica) -> None:
        replica.draining_since = self._means.clock.monotonic()
        if replica.slot is not None:
            replica.slot.on_idle = self._look

    def _stop(self, replica: _Replica) -> None:
        if replica.health is not Health.STOPPING:
            replica.health = Health.STOPPING
            self._work(replica, self._take_down(replica))

    async def _take_down(self, replica: _Replica) -> None:
        before = [task for task in replica.work if task is not asyncio.current_task()]
        for task in before:
            task.cancel()
        if before:
            await asyncio.wait(before)
        await self._means.backend.stop(replica.id, _STOP_GRACE_SECONDS)
        self._replicas.pop(replica.id, None)

    def _bury(self, burial: rollout.Bury) -> None:
        replica = self._replicas[burial.id]
        now = self._means.clock.monotonic()
        ready_seconds = now - replica.since if replica.slot is not None else 0.0
        log.warning("replica_failed", extra={**self._fields(replica), "reason": burial.reason})
        if replica.place in self._desired().places():
            self._troubles[replica.place] = rollout.after_failure(
                self._troubles.get(replica.place), now, ready_seconds, burial
            )
        self._stop(replica)

    def _record(self, action: rollout.Succeed | rollout.Fail | rollout.Vanish) -> None:
        """Write the outcome; once it is durable, want what the rows want then."""
        if self._recording is not None:
            return
        wish = self.wish
        assert wish is not None, "an outcome is of a wish"
        now_us = self._means.clock.now_us()

        async def outcome(tx: Transaction) -> None:
            match action:
                case rollout.Succeed(number):
                    await wishes.succeeded(tx, wish, number, now_us)
                case rollout.Fail(number, reason):
                    await wishes.failed(tx, wish, number, reason, now_us)
                case rollout.Vanish():
                    await wishes.vanished(tx, wish, now_us)

        log.info(
            "endpoint_outcome",
            extra={"arn": wish.arn, "outcome": type(action).__name__.lower(), **_facts(action)},
        )
        self._recording = asyncio.create_task(self._write(outcome))

    async def _write(self, outcome: Callable[[Transaction], Awaitable[None]]) -> None:
        try:
            await self._means.database.write(outcome)
            await self.refresh()
        except errors.Unavailable as fact:
            # Nothing is lost: the next plan comes to the same outcome and records it then.
            log.warning("endpoint_outcome_not_recorded", extra={"error": str(fact)})
            await asyncio.sleep(_RECORD_AGAIN_SECONDS)
        finally:
            self._recording = None
            self._look()

    def _work(self, replica: _Replica, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        replica.work.add(task)
        task.add_done_callback(lambda done: self._worked(replica, done))

    def _worked(self, replica: _Replica, done: asyncio.Task[None]) -> None:
        replica.work.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            # Ours or the backend's mistake; the plan starts another replica after a pause.
            log.error("replica_work_failed", exc_info=error, extra=self._fields(replica))
            reason = "Modelyard could not start the replica; see the server's log."
            if replica.health is not Health.STOPPING:
                self._ended(replica, reason)
        self._look()

    def _look(self) -> None:
        self._means.look(self._key)

    def _variant(self, place: Place) -> Mapping[str, Any]:
        return next(
            variant
            for deployment in self._deployments()
            if place.deployment in (deployment.number, deployment.scales)
            for variant in deployment.variants
            if variant["VariantName"] == place.variant
        )

    def _fields(self, replica: _Replica) -> dict[str, Any]:
        return {
            "endpoint": self._key.name,
            "replica": replica.id,
            "deployment": replica.place.deployment,
            "variant": replica.place.variant,
        }


def _facts(action: rollout.Succeed | rollout.Fail | rollout.Vanish) -> dict[str, Any]:
    match action:
        case rollout.Succeed(deployment):
            return {"deployment": deployment}
        case rollout.Fail(deployment, reason):
            return {"deployment": deployment, "reason": reason}
        case rollout.Vanish():
            return {}


def _code(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """The code that lies beside the model data, in the form of a container's model data."""
    code = container.get("Code")
    return {} if code is None else {"ModelDataUrl": code["Url"], "Artifact": code}


def _last_words(state: Ended) -> str:
    """Why a replica ended, and the end of what its model code printed."""
    tail = state.log_tail.strip()[-_LOG_CHARACTERS_MAX:]
    return f"{state.reason} Its log ends: {tail}" if tail else state.reason


def all_digests(keepers: Iterable[Keeper]) -> set[str]:
    return {digest for keeper in keepers for digest in keeper.digests()}
