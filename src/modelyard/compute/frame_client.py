"""The server's side of one replica's socket: many requests at once, told apart by their ids.

Requests beyond the replica's window wait here, so that when it dies those that it never saw can
be given to another. Knows no process; whoever owns one is told to kill it when a request outlives
its deadline.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from modelyard.hosting.replicas import (
    Answer,
    Invocation,
    InvocationTimedOut,
    ReplicaBusy,
    ReplicaGone,
)
from modelyard.replica import frames

QUEUE_MAX = 1024  # waiting requests of one replica; more are told to come again
QUEUE_BYTES_MAX = 256 << 20  # of waiting requests
SENT_BYTES_MAX = 64 << 20  # of unanswered ones; a larger one goes alone
LINGER_SECONDS = 5.0  # between the end of the connection and that of the process
ID_MAX = 0xFFFF_FFFF


class FrameClient(asyncio.Protocol):
    """One replica as hosting sees it (hosting.replicas.Replica)."""

    def __init__(self, kill: Callable[[str], None], invoke_seconds_max: float) -> None:
        self._kill = kill
        self._seconds_max = invoke_seconds_max
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = frames.Reader()
        self._window = 0
        # By number: the answer, when it is due, how many bytes were sent.
        self._sent: dict[int, tuple[asyncio.Future[Answer], float, int]] = {}
        self._sent_bytes = 0
        self._queue_bytes = 0
        self._queue: deque[tuple[int, bytes, asyncio.Future[Answer], float]] = deque()
        self._outgoing: list[bytes] = []
        self._next_id = 0
        self._gone: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None

    @property
    def in_flight(self) -> int:
        return len(self._sent) + len(self._queue)

    async def invoke(self, invocation: Invocation) -> Answer:
        """Answer one invocation; see hosting.replicas.Replica.

        A caller that gives up (is cancelled) is forgotten; its request is answered to nobody.
        """
        if self._gone is not None:
            raise ReplicaGone(self._gone, started=False)
        if len(self._queue) >= QUEUE_MAX or self._queue_bytes >= QUEUE_BYTES_MAX:
            raise ReplicaBusy(f"{len(self._queue)} requests are waiting already.")
        number = self._next_id = (self._next_id + 1) & ID_MAX
        try:
            frame = frames.encode(
                frames.INVOKE,
                number,
                0,
                invocation.content_type,
                invocation.accept,
                invocation.headers,
                invocation.body,
            )
        except frames.FrameError as error:
            return Answer(400, str(error).encode(), "text/plain")
        answer: asyncio.Future[Answer] = self._loop.create_future()
        if not self._queue and self._has_room(len(frame)):
            self._send(number, frame, answer)
        else:
            self._queue.append((number, frame, answer, self._loop.time()))
            self._queue_bytes += len(frame)
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds_max, self._check_deadlines)
        return await answer

    def opened(self, window: int) -> None:
        """The model is loaded: from now on requests are sent, `window` at a time."""
        self._window = window
        self._advance()

    def refuse(self, reason: str) -> None:
        """Take no further requests; those that wait are given back, those begun may finish."""
        if self._gone is None:
            self._gone = reason
        while self._queue:
            self._fail(self._next_waiting()[2], ReplicaGone(self._gone, started=False))

    async def drained(self, seconds: float) -> bool:
        """Wait until nothing that was begun is unanswered; False when that took too long."""
        if not self._sent:
            return True
        self._drained = asyncio.Event()
        try:
            await asyncio.wait_for(self._drained.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def gone(self, reason: str) -> None:
        """The replica has ended: give back everything."""
        self.refuse(reason)
        begun, self._sent = self._sent, {}
        for answer, _, _ in begun.values():
            self._fail(answer, ReplicaGone(reason, started=True))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._drained is not None:
            self._drained.set()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._gone is None or self._sent:
            # It has ended or is about to, and how it ends says why; only a lingering one is killed.
            self._loop.call_later(LINGER_SECONDS, self._kill, "")

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                begun = self._sent.pop(frame.id, None)
                if begun is None or frame.kind != frames.ANSWER:
                    raise frames.FrameError("An answer that nobody asked for.")
                self._sent_bytes -= begun[2]
                if not begun[0].done():
                    begun[0].set_result(
                        Answer(frame.status, frame.body, frame.content_type, frame.attributes)
                    )
        except (frames.FrameError, UnicodeDecodeError) as error:
            self._kill(f"The replica does not keep to its protocol: {error}")
            return
        if self._queue:
            self._advance()
        elif not self._sent and self._drained is not None:
            self._drained.set()

    def _send(self, number: int, frame: bytes, answer: asyncio.Future[Answer]) -> None:
        if not self._outgoing:
            # One write for all requests of this turn of the loop; no waiting when idle.
            self._loop.call_soon(self._flush)
        self._outgoing.append(frame)
        self._sent[number] = (answer, self._loop.time() + self._seconds_max, len(frame))
        self._sent_bytes += len(frame)

    def _has_room(self, size: int) -> bool:
        if not self._sent:
            return self._window > 0
        return len(self._sent) < self._window and self._sent_bytes + size <= SENT_BYTES_MAX

    def _next_waiting(self) -> tuple[int, bytes, asyncio.Future[Answer], float]:
        waiting = self._queue.popleft()
        self._queue_bytes -= len(waiting[1])
        return waiting

    def _flush(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _advance(self) -> None:
        while self._queue and self._has_room(len(self._queue[0][1])):
            number, frame, answer, _ = self._next_waiting()
            if not answer.done():
                self._send(number, frame, answer)

    def _check_deadlines(self) -> None:
        now = self._loop.time()
        self._timer = None
        if self._sent and next(iter(self._sent.values()))[1] <= now:
            reason = f"The model did not answer within {self._seconds_max:g} seconds."
            for number in [n for n, (_, due, _) in self._sent.items() if due <= now]:
                self._fail(self._sent.pop(number)[0], InvocationTimedOut(reason))
            self._kill(reason)
            return
        while self._queue and self._queue[0][3] + self._seconds_max <= now:
            self._fail(self._next_waiting()[2], InvocationTimedOut("The queue is too long."))
        oldest = [due for _, due, _ in list(self._sent.values())[:1]]
        oldest += [since + self._seconds_max for _, _, _, since in list(self._queue)[:1]]
        if oldest:
            self._timer = self._loop.call_at(min(oldest), self._check_deadlines)

    @staticmethod
    def _fail(answer: asyncio.Future[Answer], error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)
