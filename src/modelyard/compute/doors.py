"""The server's side of replicas' doors: answers their control channels, under limits.

What a replica asks on its channel is in replica/door.py. A door leads to the server's HTTP and to
nothing else, and hands out the credentials of one role. A replica that floods its door waits; one
that sends what is no question loses its door, and nothing more. Knows no process.
"""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping

from modelyard.access.sessions.execution_roles import ExecutionRoles, RoleNotUsable
from modelyard.compute.backend import Execution
from modelyard.errors import Unavailable
from modelyard.replica import door

QUESTIONS_AT_ONCE = 64  # of one replica
QUESTIONS_A_SECOND = 50  # on average, after that
CONNECTIONS_OF_ALL_MAX = 512  # a share of the server's own limit, so that clients always get in

# Serves HTTP on a connected stream, and calls what it is given once that has ended. Answers how to
# end it at once.
Serve = Callable[[socket.socket, Callable[[], None]], Awaitable[Callable[[], None]]]

log = logging.getLogger(__name__)


class Doors:
    """Makes the doors of one server's replicas, and counts what goes through all of them."""

    def __init__(self, serve: Serve, roles: ExecutionRoles) -> None:
        self._serve = serve
        self._roles = roles
        self.connections = 0

    def open(self, replica_id: str, execution: Execution, control: socket.socket) -> "Door":
        """Answer `control` from now on, and own it."""
        return Door(self, replica_id, execution, control)

    async def serve(self, stream: socket.socket, ended: Callable[[], None]) -> Callable[[], None]:
        """Own `stream`, and call `ended` once when it is over."""
        self.connections += 1
        over = False

        def end() -> None:
            nonlocal over
            if not over:
                over = True
                self.connections -= 1
                ended()

        try:
            return await self._serve(stream, end)
        except BaseException:
            end()
            raise

    async def credentials(self, execution: Execution) -> Mapping[str, str]:
        """Raises: RoleNotUsable, Unavailable."""
        return await self._roles.credentials(
            execution.role_arn,
            account=execution.account,
            source_arn=execution.source_arn,
            now_us=time.time_ns() // 1000,
        )


class Door:
    """One replica's door."""

    def __init__(
        self, doors: Doors, replica_id: str, execution: Execution, control: socket.socket
    ) -> None:
        self._doors = doors
        self._replica_id = replica_id
        self._execution = execution
        self._control = control
        self._control.setblocking(False)
        self._streams: dict[int, Callable[[], None]] = {}  # how to end each
        self._next = 0
        self._told = (
            ""  # the last reason why there are no credentials: logged once, not at each ask
        )
        self._task = asyncio.create_task(self._answer(), name=f"door of {replica_id}")

    async def close(self) -> None:
        """End the channel and every connection that came through it."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _answer(self) -> None:
        try:
            await self._answer_all()
        except OSError as problem:
            self._log("replica_door_lost", str(problem))
        except Exception:  # our own mistake: the door ends, the replica goes on
            log.exception("replica_door_failed", extra={"replica": self._replica_id})
        finally:
            self._control.close()
            for end in list(self._streams.values()):
                end()

    async def _answer_all(self) -> None:
        """One question after the other; while one waits, the next ones wait in the socket."""
        loop = asyncio.get_running_loop()
        allowed, counted_at = float(QUESTIONS_AT_ONCE), loop.time()
        # A byte more than any question has, so that a longer one is not cut to a right one.
        while data := await loop.sock_recv(self._control, door.QUESTION_BYTES_MAX + 1):
            asked = door.question(data)
            if asked is None:
                self._log("replica_door_closed", "it sent what is no question")
                return
            now = loop.time()
            allowed = min(QUESTIONS_AT_ONCE, allowed + (now - counted_at) * QUESTIONS_A_SECOND) - 1
            counted_at = now
            if allowed < 0:
                await asyncio.sleep(-allowed / QUESTIONS_A_SECOND)
            what, number = asked
            if what == door.CONNECT:
                await self._connect(number)
            else:
                status, document = await self._credentials()
                self._control.send(b"%b %d %b" % (number, status, json.dumps(document).encode()))

    async def _credentials(self) -> tuple[int, Mapping[str, str]]:
        """A status and document of the container credentials endpoint."""
        try:
            return 200, await self._doors.credentials(self._execution)
        except RoleNotUsable as problem:
            if self._told != str(problem):
                self._told = str(problem)
                self._log("execution_role_not_usable", self._told)
            return 400, {"code": "AccessDenied", "message": str(problem)}
        except Unavailable:
            message = "The execution role cannot be looked up now. Try again."
            return 503, {"code": "ServiceUnavailable", "message": message}

    async def _connect(self, number: bytes) -> None:
        full = self._doors.connections >= CONNECTIONS_OF_ALL_MAX
        if full or len(self._streams) >= door.CONNECTIONS_MAX:
            self._control.send(number)
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            ours.setblocking(False)
            self._next += 1
            key = self._next
            self._streams[key] = _nothing
            end = await self._doors.serve(ours, lambda: self._ended(key))
            if key in self._streams:
                self._streams[key] = end
            socket.send_fds(self._control, [number], [theirs.fileno()])

    def _ended(self, key: int) -> None:
        self._streams.pop(key, None)

    def _log(self, event: str, reason: str) -> None:
        source = self._execution.source_arn
        log.warning(
            event, extra={"replica": self._replica_id, "endpoint": source, "reason": reason}
        )


def _nothing() -> None:
    """A stream that is not served yet has nothing to end."""
