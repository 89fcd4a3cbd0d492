"""The folder a server keeps everything in, and the lock that makes it one server's."""

import fcntl
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self


class FolderInUse(Exception):
    """Another server works in this data folder."""


class FolderUnusable(Exception):
    """The data folder cannot be made or written."""


class DataFolder:
    """Paths below one data folder; entering it takes the lock, leaving it gives the lock back."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._lock: int | None = None

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.root / 'modelyard.db'}"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def compute(self) -> Path:
        """The controller's: artifacts in use, and a folder for each replica."""
        return self.root / "compute"

    @property
    def environments(self) -> Path:
        """Environments of models that bring requirements, cached."""
        return self.root / "environments"

    def identity(self) -> str:
        """A name of this folder that lasts: a server started again on it is the same holder."""
        path = self.root / "identity"
        if not path.exists() or not path.read_text():
            self._write(path, uuid.uuid4().hex)
        return path.read_text()

    @property
    def server_file(self) -> Path:
        """Where the running server says how to reach it, for `modelyard env` and `doctor`."""
        return self.root / "server.json"

    def __enter__(self) -> Self:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._let_replicas_through()
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise FolderUnusable(
                f"The data folder {self.root} cannot be used: {problem.strerror}."
                " Give --data another one."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise FolderInUse(
                f"Another server is running on {self.root}. Stop it, or give --data another folder."
            ) from None
        self._lock = lock
        return self

    def _write(self, path: Path, text: str) -> None:
        """Whole and durable, or not at all; one server has the folder, so nobody else writes."""
        unfinished = path.with_name(f".{path.name}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _let_replicas_through(self) -> None:
        """Replicas of root have users of their own, who must get to their folders through this one.

        Only a folder that is new is changed: another may be somebody's home.
        """
        if os.geteuid() == 0 and not any(path.name != "server.log" for path in self.root.iterdir()):
            self.root.chmod(0o711)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
