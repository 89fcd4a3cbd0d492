"""Roll-outs under a fake clock: whatever happens in whatever order, a healthy replica serves."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelyard.hosting import rollout
from modelyard.hosting.rollout import (
    Bury,
    DeploymentWish,
    Desired,
    Drain,
    Fail,
    Health,
    LookAgain,
    Observed,
    Place,
    Route,
    Seen,
    Start,
    Stop,
    Succeed,
    Trouble,
    Unroute,
    Vanish,
    VariantWish,
    plan,
)

ONE = DeploymentWish(1, {"a": VariantWish(1)})
TWO = DeploymentWish(2, {"a": VariantWish(1)})


def seen(name: str, deployment: int, health: Health, **members: object) -> Seen:
    return replace(Seen(name, Place(deployment, "a", 0), health, 0.0), **members)


def test_new_replicas_start_beside_those_that_serve():
    observed = Observed(10.0, (seen("r1", 1, Health.READY),), routed=(1, frozenset({"r1"})))

    assert plan(Desired(ONE, TWO), observed) == [Start(Place(2, "a", 0))]


def test_routing_moves_when_every_new_replica_is_ready_and_not_before():
    both = DeploymentWish(2, {"a": VariantWish(2)})
    old, new = seen("r1", 1, Health.READY), seen("r2", 2, Health.READY)
    late = Seen("r3", Place(2, "a", 1), Health.STARTING, 0.0)
    routed = (1, frozenset({"r1"}))

    before = plan(Desired(ONE, both), Observed(10.0, (old, new, late), routed=routed))
    ready = replace(late, health=Health.READY)
    after = plan(Desired(ONE, both), Observed(10.0, (old, new, ready), routed=routed))

    assert before == [LookAgain(rollout.START_SECONDS_MAX)]
    assert after == [Route(2, frozenset({"r2", "r3"})), Succeed(2)]


def test_the_old_ones_finish_what_they_have_up_to_a_deadline():
    old, new = seen("r1", 1, Health.READY, busy=1), seen("r2", 2, Health.READY)
    routed = (2, frozenset({"r2"}))
    deadline = 10.0 + rollout.DRAIN_SECONDS_MAX

    first = plan(Desired(TWO), Observed(10.0, (old, new), routed=routed))
    draining = replace(old, draining_since=10.0)
    waiting = plan(Desired(TWO), Observed(11.0, (draining, new), routed=routed))
    idle = plan(Desired(TWO), Observed(11.0, (replace(draining, busy=0), new), routed=routed))
    late = plan(Desired(TWO), Observed(deadline, (draining, new), routed=routed))

    assert first == [Drain("r1"), LookAgain(deadline)]
    assert waiting == [LookAgain(deadline)]
    assert idle == late == [Stop("r1")]


def test_a_dead_replica_is_replaced_at_once_and_then_ever_more_slowly():
    trouble = None
    pauses = []
    for _ in range(9):
        trouble = rollout.after_failure(trouble, 100.0, 0.0, Bury("r", "It ended."))
        pauses.append(trouble.not_before - 100.0)
    healthy = rollout.after_failure(trouble, 100.0, rollout.HEALTHY_SECONDS, Bury("r", ""))

    served = rollout.after_failure(trouble, 100.0, 0.1, Bury("r", ""))

    assert served.not_before == 101.0
    assert pauses[0] == 0.0
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30.0
    assert healthy.failures == 1


def test_a_new_deployment_fails_with_the_replicas_own_reason_while_the_old_serves():
    trouble = Trouble(rollout.FAILED_STARTS_MAX, 0.0, "The model is not one.")
    observed = Observed(
        10.0,
        (seen("r1", 1, Health.READY),),
        {Place(2, "a", 0): trouble},
        (1, frozenset({"r1"})),
    )

    assert plan(Desired(ONE, TWO), observed) == [Fail(2, "The model is not one.")]


def test_a_replica_that_hangs_while_starting_ends_the_attempt():
    now = rollout.START_SECONDS_MAX

    [burial] = plan(Desired(None, ONE), Observed(now, (seen("r1", 1, Health.STARTING),)))

    assert isinstance(burial, Bury)
    assert burial.decisive
    assert burial.reason == "The model did not become ready within 120 seconds."


def test_scaling_keeps_the_replicas_that_stay_and_starts_only_new_ones():
    more = DeploymentWish(2, {"a": VariantWish(2)}, scales=1)
    kept = seen("r1", 1, Health.READY)
    added = Seen("r2", Place(1, "a", 1), Health.READY, 0.0)
    routed = (1, frozenset({"r1"}))

    growing = plan(Desired(ONE, more), Observed(10.0, (kept,), routed=routed))
    grown = plan(Desired(ONE, more), Observed(10.0, (kept, added), routed=routed))
    less = DeploymentWish(3, {"a": VariantWish(1)}, scales=1)
    shrinking = plan(
        Desired(more, less), Observed(10.0, (kept, added), routed=(2, frozenset({"r1", "r2"})))
    )
    shrunk = plan(Desired(less), Observed(10.0, (kept, added), routed=(3, frozenset({"r1"}))))

    assert growing == [Start(Place(1, "a", 1))]
    assert grown == [Route(2, frozenset({"r1", "r2"})), Succeed(2)]
    assert shrinking == [Route(3, frozenset({"r1"})), Succeed(3)]
    assert shrunk == [Stop("r2")]


def test_a_scaling_fails_with_its_new_replicas_and_not_with_an_old_trouble():
    more = DeploymentWish(2, {"a": VariantWish(2)}, scales=1)
    old = Trouble(rollout.FAILED_STARTS_MAX, 0.0, "Long ago.")
    new = Trouble(rollout.FAILED_STARTS_MAX, 0.0, "No memory.")
    observed = Observed(10.0, (seen("r1", 1, Health.READY),), routed=(1, frozenset({"r1"})))

    harmless = replace(observed, troubles={Place(1, "a", 0): old})
    failing = replace(observed, troubles={Place(1, "a", 0): old, Place(1, "a", 1): new})

    assert plan(Desired(ONE, more), harmless) == [Start(Place(1, "a", 1))]
    assert plan(Desired(ONE, more), failing) == [Fail(2, "No memory.")]


def test_an_ending_endpoint_is_unrouted_stopped_and_then_vanishes():
    replica = seen("r1", 1, Health.READY)
    ending = Desired(ending=True)

    first = plan(ending, Observed(1.0, (replica,), routed=(1, frozenset({"r1"}))))
    then = plan(ending, Observed(1.0, (replica,)))
    while_stopping = plan(ending, Observed(1.0, (replace(replica, health=Health.STOPPING),)))
    at_last = plan(ending, Observed(1.0))

    assert first == [Unroute()]
    assert then == [Stop("r1")]
    assert while_stopping == []
    assert at_last == [Vanish()]


class RollOuts(RuleBasedStateMachine):
    """A keeper with a fake clock and a backend whose events come in any order.

    Good deployments have even numbers; those of odd numbers never become ready.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 2
        self.desired = Desired(None, self.wish(2))
        self.replicas: dict[str, Seen] = {}
        self.troubles: dict[Place, Trouble] = {}
        self.routed: tuple[int, frozenset[str]] | None = None
        self.outcome: Succeed | Fail | Vanish | None = None  # not yet durable
        self.started = 0
        self.vanished = False
        self.turn()

    @staticmethod
    def wish(number: int, scales: int = 0, a: int = 2, b: int = 1) -> DeploymentWish:
        return DeploymentWish(number, {"a": VariantWish(a), "b": VariantWish(b)}, scales)

    def observed(self) -> Observed:
        return Observed(self.now, tuple(self.replicas.values()), self.troubles, self.routed)

    def turn(self) -> None:
        for _ in range(50):
            actions = plan(self.desired, self.observed())
            again = [self.carry_out(action) for action in actions]
            if not any(again):
                return
        raise AssertionError("the plan never comes to rest")

    def carry_out(self, action: rollout.Action) -> bool:
        match action:
            case Start(place):
                self.started += 1
                name = f"r{self.started}"
                self.replicas[name] = Seen(name, place, Health.STARTING, self.now)
            case Route(number, ids):
                assert all(self.replicas[one].health is Health.READY for one in ids)
                self.routed = (number, ids)
                return True
            case Unroute():
                self.routed = None
                return True
            case Drain(name):
                self.change(name, draining_since=self.now)
            case Stop(name):
                assert self.routed is None or name not in self.routed[1]
                self.change(name, health=Health.STOPPING)
            case Bury(name):
                place = self.replicas[name].place
                self.troubles[place] = rollout.after_failure(
                    self.troubles.get(place), self.now, 0.0, action
                )
                self.change(name, health=Health.STOPPING)
                return True
            case Succeed() | Fail() | Vanish():
                self.outcome = self.outcome or action
            case LookAgain(at):
                assert at > self.now
        return False

    def change(self, name: str, **members: object) -> None:
        self.replicas[name] = replace(self.replicas[name], **members)

    def having(self, *healths: Health) -> list[str]:
        return sorted(name for name, one in self.replicas.items() if one.health in healths)

    @rule(data=st.data())
    def a_replica_becomes_ready(self, data: st.DataObject) -> None:
        able = [
            name
            for name in self.having(Health.STARTING)
            if self.replicas[name].place.deployment % 2 == 0
        ]
        if able:
            self.change(data.draw(st.sampled_from(able)), health=Health.READY, since=self.now)
            self.turn()

    @rule(data=st.data())
    def a_replica_ends(self, data: st.DataObject) -> None:
        if living := self.having(Health.STARTING, Health.READY):
            name = data.draw(st.sampled_from(living))
            self.change(name, health=Health.ENDED, reason="It ended.", busy=0)
            self.turn()

    @rule(data=st.data())
    def a_replica_has_stopped(self, data: st.DataObject) -> None:
        if stopping := self.having(Health.STOPPING):
            del self.replicas[data.draw(st.sampled_from(stopping))]
            self.turn()

    @rule(data=st.data(), busy=st.integers(0, 2))
    def requests_come_and_go(self, data: st.DataObject, busy: int) -> None:
        if ready := self.having(Health.READY):
            name = data.draw(st.sampled_from(ready))
            routed = self.routed is not None and name in self.routed[1]
            if routed or busy < self.replicas[name].busy:
                self.change(name, busy=busy)
                self.turn()

    @rule(seconds=st.floats(0.1, 200.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.turn()

    @precondition(lambda self: self.outcome is not None)
    @rule()
    def the_outcome_is_recorded(self) -> None:
        outcome, self.outcome = self.outcome, None
        coming = self.desired.coming
        match outcome:
            case Succeed(number) if coming is not None and coming.number == number:
                assert number % 2 == 0, "a bad version took over"
                self.desired = Desired(coming)
            case Fail(number) if coming is not None and coming.number == number:
                self.desired = replace(self.desired, coming=None)
            case Vanish():
                assert not self.replicas
                self.vanished = True
        self.turn()

    @precondition(lambda self: self.desired.serving is not None and self.desired.coming is None)
    @rule(step=st.sampled_from([1, 2]))
    def the_endpoint_is_updated(self, step: int) -> None:
        self.number += step
        self.desired = replace(self.desired, coming=self.wish(self.number))
        self.turn()

    @precondition(lambda self: self.desired.serving is not None and self.desired.coming is None)
    @rule(a=st.integers(1, 3), b=st.integers(1, 3))
    def the_endpoint_is_scaled(self, a: int, b: int) -> None:
        assert self.desired.serving is not None
        self.number += 2 if self.number % 2 == 0 else 1
        coming = self.wish(self.number, self.desired.serving.fleet, a, b)
        self.desired = replace(self.desired, coming=coming)
        self.turn()

    @rule()
    def the_endpoint_is_deleted(self) -> None:
        if self.number > 6:
            self.desired = Desired(ending=True)
            self.turn()

    @invariant()
    def while_one_replica_of_what_serves_is_healthy_requests_have_somewhere_to_go(self) -> None:
        serving = self.desired.serving
        if serving is None:
            return
        healthy = {
            name
            for name in self.having(Health.READY)
            if self.replicas[name].place in serving.places()
        }
        assert self.routed is not None
        if healthy:
            assert self.routed[1]
        assert all(self.replicas[one].health is Health.READY for one in self.routed[1])

    @invariant()
    def once_it_may_be_on_record_that_it_serves_there_is_a_way_to_it(self) -> None:
        if isinstance(self.outcome, Succeed) and not self.desired.ending:
            assert self.routed is not None

    @invariant()
    def a_bad_version_is_never_routed_to(self) -> None:
        assert self.routed is None or self.routed[0] % 2 == 0

    @invariant()
    def no_place_is_filled_twice(self) -> None:
        places = [r.place for r in self.replicas.values() if r.health is not Health.STOPPING]
        assert len(places) == len(set(places))

    def teardown(self) -> None:
        """From any state, good replicas that start and time bring everything to rest."""
        for _ in range(150):
            self.settle_one()
        if self.desired.ending:
            assert self.vanished
        elif self.desired.serving is not None:
            assert self.desired.coming is None
            assert self.routed is not None
            assert len(self.routed[1]) == len(self.desired.serving.places())
            assert len(self.replicas) == len(self.desired.serving.places())

    def settle_one(self) -> None:
        for name in self.having(Health.STOPPING):
            del self.replicas[name]
        for name in self.having(Health.STARTING):
            good = self.replicas[name].place.deployment % 2 == 0
            health = Health.READY if good else Health.ENDED
            self.change(name, health=health, since=self.now, reason="It is bad.")
        for name in self.having(Health.READY):
            self.change(name, busy=0)
        self.now += 5.0
        self.turn()
        if self.outcome is not None:
            self.the_outcome_is_recorded()


TestRollOuts = RollOuts.TestCase
TestRollOuts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
