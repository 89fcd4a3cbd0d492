"""The controller over a scripted backend: deaths, updates, restarts."""

import asyncio
from typing import Any

import pytest

from modelyard.compute.keeper import Sizes
from modelyard.hosting.refusals import ValidationError
from tests.controller.conftest import SECONDS_MAX, ScriptedBackend, Stand, eventually, gone


async def test_an_endpoint_comes_into_service_and_answers(stand: Stand):
    await stand.hosting.deployable("one", count=2, Image="one", Environment={"A": "b"})
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        with pytest.raises(ValidationError):
            await stand.invoke()
        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        answer = await stand.until("InService")

        assert await stand.invoke() == b"one"
        assert answer["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        assert len(backend.ready("one")) == 2
        assert backend.started[0].environment == {"A": "b"}


async def test_a_wish_made_while_no_controller_runs_is_carried_out_later(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")

    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")


async def test_a_killed_replica_is_replaced_and_no_other_request_fails(stand: Stand):
    await stand.hosting.deployable("one", count=2, Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.until("InService")
        callers = Callers(stand)
        for _ in range(5):
            await callers.more(40)
            backend.kill(backend.ready("one")[0])
            await eventually(lambda: len(backend.ready("one")) == 2)
        await callers.stop()

    assert callers.failures == []
    assert set(callers.answers) == {b"one"}


async def test_requests_wait_while_the_only_replica_is_replaced(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.until("InService")
        backend.kill(backend.ready("one")[0])
        assert await stand.invoke() == b"one"


async def test_an_update_under_load_fails_no_request(stand: Stand):
    await stand.hosting.deployable("one", count=2, Image="one")
    await stand.hosting.deployable("two", count=2, Image="two")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.until("InService")
        callers = Callers(stand)
        await callers.more(20)
        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
        answer = await stand.until("InService")
        await callers.more(20)
        await callers.stop()
        await eventually(lambda: not backend.ready("one"))

        assert answer["EndpointConfigName"] == "two"
        assert await stand.invoke() == b"two"
    assert callers.failures == []


async def test_scaling_under_load_keeps_the_replicas_that_stay(stand: Stand):
    await stand.hosting.deployable("one", count=2, Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async def scale(count: int) -> None:
        change = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
        await stand.hosting(
            "UpdateEndpointWeightsAndCapacities",
            EndpointName="live",
            DesiredWeightsAndCapacities=[change],
        )
        await stand.until("InService")
        await eventually(lambda: len(backend.states()) == count)

    async with stand.controlled(backend):
        await stand.until("InService")
        first = backend.ready("one")
        callers = Callers(stand)
        await callers.more(20)
        await scale(4)
        assert backend.ready("one")[:2] == first
        await callers.more(20)
        await scale(1)
        await callers.more(20)
        await callers.stop()
        assert backend.ready("one") == first[:1]
        assert len(backend.started) == 4

    assert callers.failures == []


async def test_a_scaled_endpoint_has_its_size_after_a_restart(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": 3}
    await stand.hosting(
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="live",
        DesiredWeightsAndCapacities=[change],
    )

    for _ in range(2):  # a restart in the middle of it, and one after it
        backend = ScriptedBackend()
        async with stand.controlled(backend):
            await stand.until("InService")
            await eventually(lambda found=backend: len(found.ready("one")) == 3)


# Limits what hangs; what does not hang must be ready in time on a busy machine too.
SHORT = Sizes(start_seconds_max=3.0)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("bad", "The model could not be loaded. Its log ends: KeyError: 'x'"),
        ("hangs", "The model did not become ready within 3 seconds."),
    ],
)
async def test_a_bad_new_version_keeps_the_old_one_serving_and_says_why(
    stand: Stand, image: str, reason: str
):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting.deployable("two", Image=image)
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async with stand.controlled(backend, SHORT):
        await stand.until("InService")
        callers = Callers(stand)
        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
        answer = await stand.until("InService")
        await callers.stop()

        assert answer["EndpointConfigName"] == "one"
        assert answer["FailureReason"] == reason
        assert await stand.invoke() == b"one"
        await eventually(lambda: len(backend.states()) == 1)
    assert callers.failures == []
    assert set(callers.answers) == {b"one"}


async def test_a_first_version_that_is_bad_ends_in_failed(stand: Stand):
    await stand.hosting.deployable("one", Image="bad")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        answer = await stand.until("Failed")
        with pytest.raises(ValidationError):
            await stand.invoke()
        await stand.hosting("DeleteEndpoint", EndpointName="live")
        await gone(stand)

    assert "could not be loaded" in answer["FailureReason"]
    assert len(backend.started) == 3


async def test_deletion_stops_everything_and_frees_the_name(stand: Stand):
    await stand.hosting.deployable("one", count=2, Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.until("InService")
        await stand.hosting("DeleteEndpoint", EndpointName="live")
        await gone(stand)
        assert backend.states() == {}
        with pytest.raises(ValidationError):
            await stand.invoke()

        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        await stand.until("InService")
        assert await stand.invoke() == b"one"


async def test_a_deletion_in_the_middle_of_a_roll_out_is_not_lost(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting.deployable("two", Image="hangs")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.until("InService")
        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
        await eventually(lambda: len(backend.started) == 2)
        await stand.hosting("DeleteEndpoint", EndpointName="live")
        await gone(stand)
        assert backend.states() == {}


async def test_endpoints_serve_again_after_a_restart_without_config_or_model(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")
    await stand.hosting("DeleteEndpointConfig", EndpointConfigName="one")
    await stand.hosting("DeleteModel", ModelName="one")

    async with stand.controlled(ScriptedBackend()):
        # A request that comes before the first replica waits for it.
        assert await stand.invoke() == b"one"
        assert (await stand.hosting.describe("live"))["EndpointStatus"] == "InService"


async def test_a_server_beside_one_that_controls_is_not_kept_waiting_for_endpoints(stand: Stand):
    async with stand.controlled(ScriptedBackend()):
        other = stand.controller(ScriptedBackend(), holder="another-server")
        running = asyncio.create_task(other.run())
        try:
            async with asyncio.timeout(SECONDS_MAX):
                await other.known.wait()
            assert not other.loaded.is_set()
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_an_update_goes_on_after_a_restart_in_its_middle(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting.deployable("two", Image="hangs")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")
        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")

    async with stand.controlled(ScriptedBackend(), SHORT):
        assert await stand.invoke() == b"one"
        answer = await stand.until("InService")

    assert answer["EndpointConfigName"] == "one"
    assert "3 seconds" in answer["FailureReason"]


async def test_a_failed_endpoint_stays_failed_after_a_restart(stand: Stand):
    await stand.hosting.deployable("one", Image="bad")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    async with stand.controlled(ScriptedBackend()):
        await stand.until("Failed")
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        assert backend.started == []
        assert (await stand.hosting.describe("live"))["EndpointStatus"] == "Failed"


async def test_two_controllers_do_not_work_at_once(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    first = ScriptedBackend()

    async with stand.controlled(first):
        other = stand.controller(ScriptedBackend())
        other._holder = "another-server"
        waiting = asyncio.create_task(other.run())
        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        await stand.until("InService")
        assert not other.loaded.is_set()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(first.started) == 1


async def test_a_rollback_serves_the_old_snapshot_again(stand: Stand):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting.deployable("two", Image="two")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")

    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")
        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
        await stand.until("InService")
        await stand.hosting("DeleteEndpointConfig", EndpointConfigName="one")
        await stand.hosting.own("RollbackEndpoint", EndpointName="live")
        answer = await stand.until("InService")

        assert answer["EndpointConfigName"] == "one"
        assert await stand.invoke() == b"one"


class Callers:
    """Eight callers of the endpoint `live`, one request after the other each."""

    def __init__(self, stand: Stand, **members: Any) -> None:
        self.members = members
        self.answers: list[bytes] = []
        self.failures: list[Exception] = []
        self._stand = stand
        self._stopping = False
        self._tasks = [asyncio.create_task(self._call()) for _ in range(8)]

    async def more(self, number: int) -> None:
        """Let so many requests be answered."""
        enough = len(self.answers) + number
        await eventually(lambda: self.failures or len(self.answers) >= enough)

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _call(self) -> None:
        while not self._stopping and not self.failures:
            try:
                self.answers.append(await self._stand.invoke(**self.members))
            except Exception as failure:  # noqa: BLE001  it is what the test counts
                self.failures.append(failure)
