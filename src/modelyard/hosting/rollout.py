"""What to do next for one endpoint: wanted and seen in, actions out. Knows no clock and no backend.

    new replicas start beside the old; when every one is ready, routing moves to them at once; the
    old finish what they have and stop. Until then, and for good if the new fail, the old serve.
    A deployment that scales another one keeps the replicas that both want.

Nothing here is remembered: every plan is made from what is wanted and seen, so a controller that
was killed makes the same plan again. Times are seconds on a clock that only runs forward.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

FAILED_STARTS_MAX = 3  # of one place of a new deployment, before the deployment has failed
START_SECONDS_MAX = 120.0  # from the start of a replica to ready, unless the variant says otherwise
DRAIN_SECONDS_MAX = 65.0  # an invocation may take 60 s
HEALTHY_SECONDS = 60.0  # ready for so long, and the failures before are forgotten
_BACK_OFF_AFTER_READY_SECONDS_MAX = 1.0  # it can start: requests end it, and the next ones wait
_BACK_OFF_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a replica belongs: the `index`-th of a variant in the fleet of a deployment."""

    deployment: int
    variant: str
    index: int


@dataclass(frozen=True, slots=True)
class VariantWish:
    replicas: int
    start_seconds_max: float = START_SECONDS_MAX


@dataclass(frozen=True, slots=True)
class DeploymentWish:
    """`scales` is the deployment whose fleet it changes in size only; 0: it has a new fleet."""

    number: int
    variants: Mapping[str, VariantWish]
    scales: int = 0

    @property
    def fleet(self) -> int:
        return self.scales or self.number

    def places(self) -> list[Place]:
        return [
            Place(self.fleet, name, index)
            for name, variant in self.variants.items()
            for index in range(variant.replicas)
        ]


@dataclass(frozen=True, slots=True)
class Desired:
    """`serving` has served in health and must go on; `coming` is to take its place when it can.

    Both None: nothing is to run. `ending`: and then the endpoint is to vanish.
    """

    serving: DeploymentWish | None = None
    coming: DeploymentWish | None = None
    ending: bool = False

    def wishes(self) -> list[DeploymentWish]:
        return [wish for wish in (self.serving, self.coming) if wish is not None]

    def places(self) -> list[Place]:
        """Every place that is to be filled, once."""
        return list(dict.fromkeys(place for wish in self.wishes() for place in wish.places()))

    def arriving(self) -> list[Place]:
        """The places that only `coming` wants: it comes when they are ready, and fails with them.

        Where it keeps a replica that serves, that one's deaths are made good as ever.
        """
        kept = set(self.serving.places()) if self.serving is not None else set[Place]()
        wanted = self.coming.places() if self.coming is not None else []
        return [place for place in wanted if place not in kept]


class Health(Enum):
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"  # of itself
    STOPPING = "stopping"  # told to end


@dataclass(frozen=True, slots=True)
class Seen:
    """A replica that was started and is not gone. `since`: when it got this health."""

    id: str
    place: Place
    health: Health
    since: float
    reason: str = ""  # why it ended
    decisive: bool = False  # and would end again
    busy: int = 0  # requests in flight
    draining_since: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The failures of a place in a row, and when its next replica may start."""

    failures: int
    not_before: float
    reason: str


@dataclass(frozen=True, slots=True)
class Observed:
    now: float
    replicas: tuple[Seen, ...] = ()
    troubles: Mapping[Place, Trouble] = field(default_factory=dict)
    routed: tuple[int, frozenset[str]] | None = None  # deployment and replicas; None: no route


@dataclass(frozen=True, slots=True)
class Start:
    place: Place


@dataclass(frozen=True, slots=True)
class Route:
    """Send all requests to exactly these replicas of the deployment; none: they wait."""

    deployment: int
    replicas: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unroute:
    """Know no way to the endpoint any more."""


@dataclass(frozen=True, slots=True)
class Succeed:
    """Record that the deployment serves."""

    deployment: int


@dataclass(frozen=True, slots=True)
class Fail:
    """Record that the deployment has failed."""

    deployment: int
    reason: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Take note that the replica gets no new requests."""

    id: str


@dataclass(frozen=True, slots=True)
class Stop:
    id: str


@dataclass(frozen=True, slots=True)
class Bury:
    """The replica has ended, or is given up: count the failure and stop what is left of it."""

    id: str
    reason: str
    decisive: bool = False  # there is no use in another try


@dataclass(frozen=True, slots=True)
class Vanish:
    """Nothing is left of the endpoint but its rows."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    at: float


Action = Start | Route | Unroute | Succeed | Fail | Drain | Stop | Bury | Vanish | LookAgain


def plan(desired: Desired, observed: Observed) -> list[Action]:
    """What to do now, in this order. A plan without actions holds until something changes."""
    if burials := _burials(desired, observed):
        return burials
    actions: list[Action] = []
    if desired.coming is not None and (failure := _failure(desired.coming, desired, observed)):
        actions.append(Fail(desired.coming.number, failure))
        desired = replace(desired, coming=None)
    actions += _starts(desired, observed)
    actions += _routing(desired, observed)
    actions += _departures(desired, observed)
    if desired.ending and not actions and not observed.replicas:
        return [Vanish()]
    return _with_one_look(actions)


def after_failure(
    before: Trouble | None, now: float, ready_seconds: float, burial: Bury
) -> Trouble:
    """The trouble of a place whose replica ended after it had been ready for `ready_seconds`."""
    failures = 1 if before is None or ready_seconds >= HEALTHY_SECONDS else before.failures + 1
    if burial.decisive:
        failures = max(failures, FAILED_STARTS_MAX)
    pause = _BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS)) - 1]
    if ready_seconds > 0.0:
        pause = min(pause, _BACK_OFF_AFTER_READY_SECONDS_MAX)
    return Trouble(failures, now + pause, burial.reason)


def _burials(desired: Desired, observed: Observed) -> list[Action]:
    """Ended replicas, and those that have not become ready in time."""
    actions: list[Action] = []
    for seen in observed.replicas:
        limit = _start_limit(desired, seen)
        if seen.health is Health.ENDED:
            actions.append(Bury(seen.id, seen.reason, seen.decisive))
        elif limit is not None and observed.now >= seen.since + limit:
            reason = f"The model did not become ready within {limit:g} seconds."
            actions.append(Bury(seen.id, reason, decisive=True))
    return actions


def _start_limit(desired: Desired, seen: Seen) -> float | None:
    """How many seconds a starting replica that is still wanted may take."""
    if seen.health is Health.STARTING:
        for wish in desired.wishes():
            if wish.fleet == seen.place.deployment:
                return wish.variants[seen.place.variant].start_seconds_max
    return None


def _failure(coming: DeploymentWish, desired: Desired, observed: Observed) -> str:
    """Why the new deployment will not come, or nothing."""
    if observed.routed is not None and observed.routed[0] == coming.number:
        return ""  # it has come
    for place in desired.arriving():
        trouble = observed.troubles.get(place)
        if trouble is not None and trouble.failures >= FAILED_STARTS_MAX:
            return trouble.reason
    return ""


def _starts(desired: Desired, observed: Observed) -> list[Action]:
    taken = {seen.place for seen in observed.replicas if seen.health is not Health.STOPPING}
    actions: list[Action] = []
    for place in desired.places():
        trouble = observed.troubles.get(place)
        if place in taken:
            continue
        if trouble is not None and trouble.not_before > observed.now:
            actions.append(LookAgain(trouble.not_before))
        else:
            actions.append(Start(place))
    for seen in observed.replicas:
        limit = _start_limit(desired, seen)
        if limit is not None:
            actions.append(LookAgain(seen.since + limit))
    return actions


def _routing(desired: Desired, observed: Observed) -> list[Action]:
    coming, serving = desired.coming, desired.serving
    if coming is not None:
        ready = _ready(coming, observed)
        if {seen.place for seen in ready} >= set(desired.arriving()) and (
            ready or not _serves(desired, observed)
        ):
            return [*_route(coming, ready, observed), Succeed(coming.number)]
        if serving is None and observed.routed is not None:
            # It has come already; that may be on record, and is only not known here yet.
            return _route(coming, ready, observed)
    if serving is not None:
        return _route(serving, _ready(serving, observed), observed)
    return [Unroute()] if observed.routed is not None else []


def _route(wish: DeploymentWish, ready: list[Seen], observed: Observed) -> list[Action]:
    wanted = (wish.number, frozenset(seen.id for seen in ready))
    return [] if observed.routed == wanted else [Route(*wanted)]


def _serves(desired: Desired, observed: Observed) -> bool:
    """Whether a replica of what serves is ready: nothing without one may take its place."""
    return desired.serving is not None and bool(_ready(desired.serving, observed))


def _ready(wish: DeploymentWish, observed: Observed) -> list[Seen]:
    places = set(wish.places())
    return [
        seen for seen in observed.replicas if seen.health is Health.READY and seen.place in places
    ]


def _departures(desired: Desired, observed: Observed) -> list[Action]:
    """Replicas that are not wanted, once routing has left them: finish what they have, and stop."""
    wanted = set(desired.places())
    routed = observed.routed[1] if observed.routed is not None else frozenset[str]()
    actions: list[Action] = []
    for seen in observed.replicas:
        if seen.place in wanted or seen.id in routed or seen.health is Health.STOPPING:
            continue
        since = observed.now if seen.draining_since is None else seen.draining_since
        if not seen.busy or observed.now >= since + DRAIN_SECONDS_MAX:
            actions.append(Stop(seen.id))
            continue
        if seen.draining_since is None:
            actions.append(Drain(seen.id))
        actions.append(LookAgain(since + DRAIN_SECONDS_MAX))
    return actions


def _with_one_look(actions: list[Action]) -> list[Action]:
    """The actions, with the earliest LookAgain alone at the end."""
    looks = [action.at for action in actions if isinstance(action, LookAgain)]
    rest: list[Action] = [action for action in actions if not isinstance(action, LookAgain)]
    if looks:
        rest.append(LookAgain(min(looks)))
    return rest
