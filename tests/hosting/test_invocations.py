"""InvokeEndpoint against scripted replicas: no storage, no process."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import pytest

from modelyard.call import Document, OpenCall, Principal
from modelyard.contract import answer_check, model
from modelyard.contract.page_tokens import PageTokens
from modelyard.errors import ServiceUnavailable
from modelyard.hosting.invocations import InvocationDoor
from modelyard.hosting.refusals import ModelError, ValidationError
from modelyard.hosting.replicas import (
    Answer,
    Invocation,
    InvocationTimedOut,
    ReplicaBusy,
    ReplicaGone,
)
from modelyard.hosting.routing import EndpointKey, Fleet, RoutingTable, Slot
from tests.audit_entries import entry

ACCOUNT = "123456789012"
KEY = EndpointKey(ACCOUNT, "us-east-1", "live")
ROOT = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "AKIA")
CALL = OpenCall(
    operation="InvokeEndpoint",
    principal=ROOT,
    region="us-east-1",
    request_id="r",
    now_us=1,
    page_tokens=PageTokens(b"secret"),
    audit=entry(ROOT, "InvokeEndpoint"),
)


class ScriptedReplica:
    """Answers as told; remembers what it was asked."""

    def __init__(self, answer: Callable[[Invocation], Awaitable[Answer]] | None = None) -> None:
        self.asked: list[Invocation] = []
        self._answer = answer

    @property
    def in_flight(self) -> int:
        return 0

    async def invoke(self, invocation: Invocation) -> Answer:
        self.asked.append(invocation)
        await asyncio.sleep(0)
        if self._answer is not None:
            return await self._answer(invocation)
        return Answer(200, b"0.5", "text/csv", {})


def raising(error: Exception) -> ScriptedReplica:
    async def answer(invocation: Invocation) -> Answer:
        raise error

    return ScriptedReplica(answer)


def gone(*, started: bool) -> ScriptedReplica:
    return raising(ReplicaGone("It ended.", started=started))


class Endpoint:
    """The endpoint `live` with one variant `a` unless told otherwise."""

    def __init__(self, *replicas: ScriptedReplica, wait: float = 5.0) -> None:
        self.routing = RoutingTable()
        self.door = InvocationDoor(self.routing, wait_seconds_max=wait)
        self.serve(*replicas)

    def serve(self, *replicas: ScriptedReplica) -> None:
        self.routing.set(KEY, Fleet({"a": 1.0}, [Slot("a", replica) for replica in replicas]))

    async def invoke(self, **members: Any) -> Document:
        request = {"EndpointName": "live", "Body": b"1,2", "ContentType": "text/csv", **members}
        answer = await self.door.invoke_endpoint(CALL, request)
        operation = model.load("sagemaker-runtime").operations["InvokeEndpoint"]
        assert answer_check.output_failures(operation, answer) == []
        return answer


async def test_bytes_go_there_and_back():
    replica = ScriptedReplica()
    answer = await Endpoint(replica).invoke(Accept="text/csv", InferenceId="i-1")

    assert answer == {
        "Body": b"0.5",
        "ContentType": "text/csv",
        "InvokedProductionVariant": "a",
    }
    [invocation] = replica.asked
    assert (invocation.body, invocation.content_type, invocation.accept) == (
        b"1,2",
        "text/csv",
        "text/csv",
    )
    assert invocation.headers == {"x-amzn-sagemaker-inference-id": "i-1"}


async def test_custom_attributes_reach_the_model_and_come_back():
    async def echo(invocation: Invocation) -> Answer:
        return Answer(200, b"", "text/csv", invocation.headers)

    answer = await Endpoint(ScriptedReplica(echo)).invoke(CustomAttributes="trace=7")

    assert answer["CustomAttributes"] == "trace=7"


async def test_an_unknown_endpoint_is_worded_as_in_aws():
    door = InvocationDoor(RoutingTable())

    with pytest.raises(ValidationError) as refusal:
        await door.invoke_endpoint(CALL, {"EndpointName": "live", "Body": b""})

    assert refusal.value.message == f"Endpoint live of account {ACCOUNT} not found."


@pytest.mark.parametrize("member", ["TargetModel", "TargetContainerHostname", "SessionId"])
async def test_what_does_not_apply_is_refused(member: str):
    with pytest.raises(ValidationError, match=f"leave {member} out"):
        await Endpoint(ScriptedReplica()).invoke(**{member: "x"})


@pytest.mark.parametrize(("status", "kind"), [(415, "client"), (500, "server")])
async def test_a_failure_of_the_container_is_a_model_error(status: int, kind: str):
    async def fail(invocation: Invocation) -> Answer:
        return Answer(status, b"cannot read that", "text/plain", {})

    with pytest.raises(ModelError) as refusal:
        await Endpoint(ScriptedReplica(fail)).invoke()

    assert refusal.value.status == 424
    assert f'Received {kind} error ({status}) from primary with message "cannot' in str(
        refusal.value
    )
    assert refusal.value.details["OriginalStatusCode"] == status
    assert refusal.value.details["OriginalMessage"] == "cannot read that"
    assert str(refusal.value.details["LogStreamArn"]).endswith("/aws/sagemaker/Endpoints/live")


async def test_a_request_that_times_out_is_not_tried_again():
    late = raising(InvocationTimedOut("The model did not answer within 60 seconds."))
    other = ScriptedReplica()

    with pytest.raises(ModelError, match="did not answer within 60 seconds") as refusal:
        await Endpoint(late, other).invoke()

    assert refusal.value.details["OriginalStatusCode"] == 0
    assert other.asked == []


async def test_a_full_queue_asks_the_client_to_try_again():
    with pytest.raises(ServiceUnavailable, match="overloaded"):
        await Endpoint(raising(ReplicaBusy("5 requests are waiting already."))).invoke()


@pytest.mark.parametrize("started", [True, False])
async def test_a_request_caught_by_a_death_is_answered_by_another_replica(started: bool):
    dying, other = gone(started=started), ScriptedReplica()

    answer = await Endpoint(dying, other).invoke()

    assert answer["Body"] == b"0.5"
    assert len(dying.asked) == len(other.asked) == 1


async def test_a_request_that_kills_is_tried_twice_and_no_more():
    replicas = [gone(started=True) for _ in range(4)]

    with pytest.raises(ModelError, match="and so did another one"):
        await Endpoint(*replicas).invoke()

    assert sum(len(replica.asked) for replica in replicas) == 2


async def test_requests_that_were_never_begun_move_on_as_often_as_it_takes():
    replicas = [gone(started=False) for _ in range(4)]

    answer = await Endpoint(*replicas, ScriptedReplica()).invoke()

    assert answer["Body"] == b"0.5"


async def test_a_request_that_kills_takes_no_innocent_ones_down_with_it():
    """Given replicas that die with all they have begun, only the one that kills them fails."""
    endpoint = Endpoint()

    class Shared:
        """One process: when it is killed, everything in it dies."""

        def __init__(self) -> None:
            self.killed = asyncio.Event()

        @property
        def in_flight(self) -> int:
            return 0

        async def invoke(self, invocation: Invocation) -> Answer:
            if invocation.body == b"kill":
                await asyncio.sleep(0.01)
                self.killed.set()
                endpoint.serve(*(r for r in living if not r.killed.is_set()), fresh())
            try:
                async with asyncio.timeout(0.02):
                    await self.killed.wait()
            except TimeoutError:
                return Answer(200, b"0.5", "text/csv", {})
            raise ReplicaGone("It was killed.", started=True)

    living: list[Shared] = []

    def fresh() -> Any:
        living.append(Shared())
        return living[-1]

    endpoint.serve(fresh(), fresh())
    innocent = [endpoint.invoke() for _ in range(8)]
    results = await asyncio.gather(endpoint.invoke(Body=b"kill"), *innocent, return_exceptions=True)

    assert isinstance(results[0], ModelError)
    assert [r for r in results[1:] if isinstance(r, BaseException)] == []


async def test_a_request_waits_for_a_replica_to_come_back():
    endpoint = Endpoint()
    request = asyncio.create_task(endpoint.invoke())
    await asyncio.sleep(0)

    endpoint.serve(ScriptedReplica())

    assert (await request)["Body"] == b"0.5"


async def test_it_does_not_wait_for_ever():
    with pytest.raises(ServiceUnavailable, match="No replica of endpoint live is ready"):
        await Endpoint(wait=0.01).invoke()


async def test_a_waiting_request_learns_that_the_endpoint_is_gone():
    endpoint = Endpoint()
    request = asyncio.create_task(endpoint.invoke())
    await asyncio.sleep(0)

    endpoint.routing.remove(KEY)

    with pytest.raises(ValidationError, match="not found"):
        await request


async def test_requests_under_way_end_on_the_old_fleet_and_new_ones_go_to_the_new():
    release = asyncio.Event()

    async def slow(invocation: Invocation) -> Answer:
        await release.wait()
        return Answer(200, b"old", "text/csv", {})

    endpoint = Endpoint(ScriptedReplica(slow))
    under_way = asyncio.create_task(endpoint.invoke())
    await asyncio.sleep(0)
    endpoint.serve(ScriptedReplica())

    new = await endpoint.invoke()
    release.set()

    assert new["Body"] == b"0.5"
    assert (await under_way)["Body"] == b"old"


async def test_the_least_busy_replica_is_chosen_and_a_dead_one_never():
    slots = [Slot("a", ScriptedReplica()) for _ in range(3)]
    slots[0].busy, slots[1].busy, slots[2].dead = 2, 1, True

    assert Fleet({"a": 1.0}, slots).choose(None) is slots[1]


async def test_variants_share_requests_by_weight_and_can_be_named():
    slots = {name: Slot(name, ScriptedReplica()) for name in ("a", "b", "idle")}
    fleet = Fleet({"a": 3.0, "b": 1.0, "idle": 0.0}, list(slots.values()))

    drawn = [fleet.choose(None) for _ in range(2000)]

    assert 1350 < drawn.count(slots["a"]) < 1650
    assert slots["idle"] not in drawn
    assert fleet.choose("idle") is slots["idle"]


async def test_a_variant_without_replicas_gives_way_unless_it_is_named():
    only = Slot("b", ScriptedReplica())
    fleet = Fleet({"a": 1.0, "b": 0.0}, [only])

    assert fleet.choose(None) is only
    assert fleet.choose("a") is None


async def test_an_unknown_variant_is_refused():
    with pytest.raises(ValidationError, match="Variant z of endpoint live"):
        await Endpoint(ScriptedReplica()).invoke(TargetVariant="z")


async def test_the_way_to_a_replica_is_short():
    """The budget of the whole server is 110 microseconds a request; this part takes few of them.
    Function calls are counted instead: there are as many on any machine."""

    class Immediate:
        in_flight = 0

        async def invoke(self, invocation: Invocation) -> Answer:
            return Answer(200, b"0.5", "text/csv", {})

    endpoint = Endpoint(Immediate(), Immediate())  # type: ignore[arg-type]
    request = {"EndpointName": "live", "Body": b"1,2", "ContentType": "text/csv"}
    await endpoint.door.invoke_endpoint(CALL, request)
    calls: list[str] = []

    def count(frame: FrameType, event: str, function: object) -> None:
        if event in ("call", "c_call"):
            calls.append(frame.f_code.co_name)

    sys.setprofile(count)
    try:
        await endpoint.door.invoke_endpoint(CALL, request)
    finally:
        sys.setprofile(None)

    assert len(calls) < 50, calls
