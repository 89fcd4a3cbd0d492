"""A replica's standard output and error: a pipe whose bytes go to a bounded, rotated file.

A replica that floods is read at a bounded rate and then waits in its own write. Knows no process.
"""

import asyncio
import os
from io import FileIO
from pathlib import Path

FILE_BYTES_MAX = 4 << 20  # then `log` becomes `log.1`, and the older `log.1` goes
READ_BYTES = 64 << 10
PAUSE_SECONDS = 0.05  # after each full read: at most about 1.3 MB a second
TAIL_BYTES = 4096


class ReplicaLog:
    """Owns the pipe. `write_end` is for the child; ours is closed with the log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._file = _opened(path)
        self._read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_end, False)
        self._open = True
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Take what is left in the pipe, then let go of it."""
        if not self._open:
            return
        self._open = False
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._read_end)
        self._take()
        os.close(self._read_end)
        os.close(self.write_end)
        self._file.close()

    def append(self, text: str) -> None:
        """A note of the server's own, such as what pip said."""
        self._file.write(text.encode("utf-8", "replace")[-FILE_BYTES_MAX:])

    def tail(self) -> str:
        """The last lines, for log_tail."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL_BYTES))
                return stream.read(TAIL_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._read_end, self._readable)

    def _readable(self) -> None:
        size = self._take()
        if size == 0:
            self._loop.remove_reader(self._read_end)
        elif size == READ_BYTES:
            self._loop.remove_reader(self._read_end)
            self._pause = self._loop.call_later(PAUSE_SECONDS, self._listen)

    def _take(self) -> int:
        try:
            data = os.read(self._read_end, READ_BYTES)
        except BlockingIOError:
            return -1
        if data:
            if self._file.tell() + len(data) > FILE_BYTES_MAX:
                self._file.close()
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._file = _opened(self._path)
            self._file.write(data)
        return len(data)


def _opened(path: Path) -> FileIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return FileIO(os.open(path, flags, 0o600), "ab")
