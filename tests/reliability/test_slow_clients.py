"""Clients that dawdle, sit idle, reset or never end are cut; honest clients do not notice them."""

import contextlib
import http.client
import resource
import socket
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from typing import Self

import psutil
import pytest

from tests.loud_skip import require
from tests.reliability.conftest import Figure
from tests.reliability.wire import Wire
from tests.server_process import ServerProcess

# The server's limits. Long enough for a busy machine to open a thousand connections before the
# first is cut, and for an honest client to be heard in time.
HEADERS_SECONDS = 10.0
BODY_SECONDS = 10.0
IDLE_SECONDS = 10.0
HAPPENS_SECONDS_MAX = 90.0  # a guard against a hang
BODY_BYTES_MAX = 256 << 10
DESCRIPTORS_SPARE = 20  # of connections of the test before that go, and the like
MEMORY_GROWTH_MAX = 150 << 20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with short limits, so that the tests of them are short."""
    started = ServerProcess(
        tmp_path_factory.mktemp("slow"),
        environment={
            "MODELYARD_HEADERS_SECONDS_MAX": str(HEADERS_SECONDS),
            "MODELYARD_BODY_SECONDS_MAX": str(BODY_SECONDS),
            "MODELYARD_IDLE_SECONDS_MAX": str(IDLE_SECONDS),
            "MODELYARD_BODY_BYTES_MAX": str(BODY_BYTES_MAX),
        },
    )
    started.start()
    yield started
    assert started.close() == []


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with contextlib.closing(Wire(server)) as kept:
        yield kept


class Honest:
    """A client that goes about its business while others misbehave."""

    def __init__(self, server: ServerProcess) -> None:
        self._wire = Wire(server)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(HAPPENS_SECONDS_MAX)
        self._wire.close()

    def was_served(self) -> bool:
        """Every call was answered, and most did not wait until the others were cut."""
        return self.failures == [] and statistics.median(self.seconds) < HEADERS_SECONDS / 4

    @property
    def told(self) -> str:
        p99 = sorted(self.seconds)[int(len(self.seconds) * 0.99)]
        median = statistics.median(self.seconds)
        failures = f", failures {self.failures[:3]}" if self.failures else ""
        return f"{len(self.seconds)} calls, median {median:.3f} s, p99 {p99:.3f} s{failures}"

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            began = time.monotonic()
            try:
                answer = self._wire.rpc("sagemaker", "ListModelPackageGroups", {})
                if answer.status != 200:
                    self.failures.append(f"{answer.status} {answer.body[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            self.seconds.append(time.monotonic() - began)


def test_dawdling_clients_are_cut_in_time_and_honest_ones_are_served(
    server: ServerProcess, figure: Figure
) -> None:
    descriptors = _descriptors(server)
    slow_head = b"POST / HTTP/1.1\r\nhost: x\r\nx-slow: "
    slow_body = _signed_head(server, content_length=1000)

    with Honest(server) as honest, contextlib.ExitStack() as stack:
        heads = [stack.enter_context(_connected(server)) for _ in range(300)]
        bodies = [stack.enter_context(_connected(server)) for _ in range(150)]
        began = time.monotonic()
        for link in heads:
            link.sendall(slow_head)
        for link in bodies:
            link.sendall(slow_body)
        cut = _drip([*heads, *bodies])
        took = time.monotonic() - began

    figure("cut", f"{cut} of 450 in {took:.1f} s")
    figure("honest", honest.told)
    assert cut == 450
    assert honest.was_served(), honest.told
    _assert_descriptors_return(server, descriptors)


def test_a_thousand_idle_connections_hurt_nobody_and_go(
    server: ServerProcess, figure: Figure
) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    require(soft > 1500, "1,500 open files a process (ulimit -n)")
    descriptors = _descriptors(server)
    call = _signed_head(server, content_length=2) + b"{}"

    with Honest(server) as honest, contextlib.ExitStack() as stack:
        links = [stack.enter_context(_connected(server)) for _ in range(1000)]
        _until_held(server, descriptors + 1000 - DESCRIPTORS_SPARE)
        for link in links[:300]:  # some have had an answer before they fell silent
            link.sendall(call)
        closed = _drip(links, send=b"")

    figure("honest", honest.told)
    assert closed == 1000
    assert honest.was_served(), honest.told
    _assert_descriptors_return(server, descriptors)


def test_floods_of_resets_leave_nothing_behind(server: ServerProcess, figure: Figure) -> None:
    descriptors = _descriptors(server)
    sent = [b"", b"POST / HT", _signed_head(server, content_length=5) + b"{}"]

    with Honest(server) as honest:
        began = time.monotonic()
        for number in range(3000):
            with _connected(server) as link:
                link.sendall(sent[number % len(sent)])
                # Closing resets the connection instead of ending it in order.
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        took = time.monotonic() - began

    figure("resets_a_second", round(3000 / took))
    figure("honest", honest.told)
    assert honest.was_served(), honest.told
    _assert_descriptors_return(server, descriptors)
    assert '"event":"request_failed"' not in server.log


def test_bodies_without_end_are_cut_at_the_limit(server: ServerProcess, figure: Figure) -> None:
    """Chunked bodies that never end, from many clients at once: refused, and memory stays flat."""
    memory = _memory(server)
    wire = Wire(server)
    headers = wire.sign(
        "sagemaker",
        "POST",
        "/",
        b"{}",
        {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "SageMaker.ListModelPackageGroups",
        },
    )
    lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k != "Content-Length")
    head = f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n{lines}".encode()
    statuses: list[bytes] = []

    def send() -> None:
        with _connected(server) as link:
            link.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            with contextlib.suppress(OSError):
                for _ in range(1600):  # 100 MB, should nobody stop us
                    link.sendall(chunk)
            with contextlib.suppress(OSError):
                statuses.append(link.recv(65536)[:12])

    threads = [threading.Thread(target=send) for _ in range(20)]
    with Honest(server) as honest:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HAPPENS_SECONDS_MAX)

    figure("memory_growth_bytes", _memory(server) - memory)
    figure("answers", {status.decode(): statuses.count(status) for status in set(statuses)})
    assert not any(thread.is_alive() for thread in threads)
    assert set(statuses) <= {b"HTTP/1.1 413", b""}
    assert honest.failures == []
    assert _memory(server) - memory < MEMORY_GROWTH_MAX


def test_an_upload_that_falls_silent_is_cut_and_leaves_no_bytes(
    server: ServerProcess, wire: Wire
) -> None:
    assert wire.send("s3", "PUT", "/silent-uploads").status == 200
    body = b"x" * 100_000
    headers = wire.sign("s3", "PUT", "/silent-uploads/half", body)
    lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    head = f"PUT /silent-uploads/half HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n{lines}"
    head += "" if "Content-Length" in headers else f"content-length: {len(body)}\r\n"

    with _connected(server) as link:
        link.sendall(head.encode() + b"\r\n" + body[:50_000])
        link.settimeout(IDLE_SECONDS + HAPPENS_SECONDS_MAX)
        answer = link.recv(65536)

    assert answer.split(b" ")[1] in (b"400", b"408")
    assert wire.send("s3", "GET", "/silent-uploads/half").status == 404
    runs = server.data / "blobs" / "tmp"
    assert [path.name for run in runs.iterdir() for path in run.iterdir()] == ["lock"]


@contextlib.contextmanager
def _connected(server: ServerProcess) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=HAPPENS_SECONDS_MAX) as link:
        yield link


def _signed_head(server: ServerProcess, *, content_length: int) -> bytes:
    target = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "SageMaker.ListModelPackageGroups",
    }
    headers = Wire(server).sign("sagemaker", "POST", "/", b"{}", target)
    headers["Content-Length"] = str(content_length)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n{lines}\r\n".encode()


def _drip(links: list[socket.socket], *, send: bytes = b"a") -> int:
    """Send a byte a second to each until the server closes it; how many it closed."""
    open_links, until = list(links), time.monotonic() + HAPPENS_SECONDS_MAX
    for link in links:
        link.settimeout(0)
    sends_at = time.monotonic() + 1
    while open_links and time.monotonic() < until:
        if send and time.monotonic() > sends_at:
            sends_at += 1
            for link in open_links:
                with contextlib.suppress(OSError):
                    link.send(send)
        open_links = [link for link in open_links if not _closed(link)]
        time.sleep(0.05)
    return len(links) - len(open_links)


def _closed(link: socket.socket) -> bool:
    try:
        return link.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _descriptors(server: ServerProcess) -> int:
    return psutil.Process(server.pid).num_fds()


def _until_held(server: ServerProcess, descriptors: int) -> None:
    """Fails when the server lets go of connections sooner than it takes them."""
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while (held := _descriptors(server)) < descriptors:
        assert time.monotonic() < until, f"{held} descriptors, not {descriptors}"
        time.sleep(0.02)


def _assert_descriptors_return(server: ServerProcess, before: int) -> None:
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while _descriptors(server) > before + DESCRIPTORS_SPARE:
        assert time.monotonic() < until, f"{_descriptors(server)} descriptors, {before} before"
        time.sleep(0.05)


def _memory(server: ServerProcess) -> int:
    return int(psutil.Process(server.pid).memory_info().rss)
