"""What a server would find, or finds: its data folder, disk, port, clock and database.

Looks and changes nothing: makes no folder, no key, no schema.
"""

import asyncio
import http.client
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from modelyard import errors
from modelyard.cli import connection
from modelyard.cli.findings import Finding, Level, failure, good, warning
from modelyard.settings import Settings

GIB = 1 << 30
FREE_BYTES_MIN = 1 * GIB  # one model archive, its copy for a replica, and the unpacked files
FREE_BYTES_WANTED = 10 * GIB
FREE_FILES_WANTED = 10_000
SKEW_SECONDS_MAX = 900  # Signature Version 4: a request may be 15 minutes off
SKEW_SECONDS_WANTED = 60
ANSWER_SECONDS_MAX = 5.0


def examine(settings: Settings) -> Iterator[Finding]:
    yield _data_folder(settings.data)
    yield from _disk(settings.data)
    running = _running(settings.data)
    yield _server(settings, running)
    yield _port(settings, running)
    yield from _clock(running)
    found = _database(settings)
    yield found
    if found.level is Level.GOOD:
        yield from _announcements(settings)


def _data_folder(data: Path) -> Finding:
    if not data.exists():
        above = _existing(data)
        if os.access(above, os.W_OK | os.X_OK):
            return good("data folder", f"{data} does not exist yet; `modelyard serve` makes it")
        return failure(
            "data folder",
            f"{data} does not exist and cannot be made: {above} is not writable",
            "Give --data a folder of yours, or have this one made and given to you",
        )
    if not data.is_dir():
        return failure("data folder", f"{data} is no folder", "Give --data a folder")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return failure(
            "data folder",
            f"{data} is not readable and writable by this user",
            f"chown -R {os.geteuid()} {data}, or run this as the user of the server",
        )
    mode = stat.S_IMODE(data.stat().st_mode)
    # A server of root lets the users of its replicas pass through (0711), and nobody look.
    allowed = 0o011 if os.geteuid() == 0 else 0
    if mode & 0o077 & ~allowed:
        return warning(
            "data folder",
            f"{data} is open to others (mode {mode:04o})",
            f"It holds keys and models: chmod {0o700 | allowed:o} {data}",
        )
    return good("data folder", f"{data} (mode {mode:04o})")


def _disk(data: Path) -> Iterator[Finding]:
    folder = _existing(data)
    yield free_space(shutil.disk_usage(folder).free)
    files = os.statvfs(folder)
    if files.f_files and files.f_favail < FREE_FILES_WANTED:  # 0: the file system has no such limit
        yield warning(
            "disk",
            f"room for {files.f_favail} more files only",
            "Objects are files: remove some, or move the data folder",
        )


def free_space(free: int) -> Finding:
    found = f"{free / GIB:.1f} GiB free"
    if free < FREE_BYTES_MIN:
        return failure("disk", found, "Uploads and registrations will be refused: make room")
    if free < FREE_BYTES_WANTED:
        return warning("disk", found, "Models are kept whole: make room before it runs out")
    return good("disk", found)


class _Running(msgspec.Struct):
    """A server that was found by its data folder. `date` is "" when it does not answer."""

    url: str
    pid: int
    answers: bool
    date: str


def _running(data: Path) -> _Running | None:
    try:
        written = connection.read_server_file(data)
    except (OSError, msgspec.DecodeError):
        return None
    status, date, _ = _ready(written.url)
    return _Running(written.url, written.pid, status == 200, date)


def _ready(url: str) -> tuple[int, str, bytes]:
    """Status (0: no answer), Date header and body of GET /ready."""
    parts = urlsplit(url)
    asked = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=ANSWER_SECONDS_MAX
    )
    try:
        asked.request("GET", "/ready")
        answer = asked.getresponse()
        return answer.status, answer.getheader("date", ""), answer.read(1024)
    except (OSError, http.client.HTTPException):
        return 0, "", b""
    finally:
        asked.close()


def _server(settings: Settings, running: _Running | None) -> Finding:
    if running is None:
        start = f"modelyard serve --data {settings.data}"
        return good("server", "none has run on this data folder", f"Start one: {start}")
    if running.answers:
        return good("server", f"{running.url} is ready (process {running.pid})")
    if not _alive(running.pid):
        start = f"modelyard serve --data {settings.data}"
        return good("server", f"not running; it was at {running.url}", f"Start it: {start}")
    return failure(
        "server",
        f"process {running.pid} is there, but {running.url}/ready does not answer 200",
        "It may be starting. If it stays so, read its log, and start it again",
    )


def _port(settings: Settings, running: _Running | None) -> Finding:
    where = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return good("port", "any free one")
    if running is not None and running.answers and _port_of(running.url) == settings.port:
        return good("port", f"{where} is this server's")
    problem = _occupied(settings.host, settings.port)
    if problem is None:
        return good("port", f"{where} is free")
    status, _, body = _ready(f"http://{settings.host}:{settings.port}")
    if status == 200 and body == b"ready\n":
        found = f"a Modelyard with another data folder answers at {where}"
        return warning("port", found, "Use that one, or give --port another port")
    return failure("port", f"{where} cannot be used: {problem}", "Give --port another one")


def _occupied(host: str, port: int) -> str | None:
    """Why a server could not listen there, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem.strerror or str(problem)
    return None


def _clock(running: _Running | None) -> Iterator[Finding]:
    if running is not None and running.date:
        theirs = parsedate_to_datetime(running.date).timestamp()
        yield clock_skew(theirs - time.time())


def clock_skew(seconds: float) -> Finding:
    """What the server's clock, so much ahead of this one, means for signatures. Pure."""
    apart = abs(round(seconds))
    if apart <= SKEW_SECONDS_WANTED:
        return good("clock", "the server's and this one agree")
    found = f"the server's is {apart} s {'ahead of' if seconds > 0 else 'behind'} this one"
    advice = "Set both by NTP: signatures are good for 15 minutes"
    judged = failure if apart > SKEW_SECONDS_MAX else warning
    return judged("clock", found, advice)


def _database(settings: Settings) -> Finding:
    from modelyard.storage import database, schema

    url = _database_url(settings)
    shown = without_password(url)
    try:
        version = asyncio.run(database.schema_version(url))
    except (errors.Unavailable, ValueError, ModuleNotFoundError) as problem:
        return failure(
            "database",
            f"{shown} cannot be used: {_one_line(problem)}",
            "See that it runs, takes connections from here, and that --database says where it is",
        )
    if version is None:
        return good("database", f"{shown} is empty; `modelyard serve` makes the schema")
    if version > schema.HEAD:
        return failure("database", f"{shown}: {schema.NewerDatabase(version)}", "Update Modelyard")
    if version < schema.HEAD:
        return warning(
            "database",
            f"{shown} has schema {version}, this program {schema.HEAD}",
            "`modelyard serve` brings it up to date; there is no way back, so back it up first",
        )
    return good("database", f"{shown}, schema {version}")


def _database_url(settings: Settings) -> str:
    return settings.database or f"sqlite:///{settings.data.absolute() / 'modelyard.db'}"


def _announcements(settings: Settings) -> Iterator[Finding]:
    """What was changed and is not in lineage yet; nothing where there is no schema."""
    from modelyard.storage import database, outbox, schema

    async def look() -> outbox.Backlog | None:
        url = _database_url(settings)
        if await database.schema_version(url) != schema.HEAD:
            return None
        opened = await database.connect(url)
        try:
            return await opened.read(outbox.backlog)
        finally:
            await opened.close()

    try:
        found = asyncio.run(look())
    except errors.Unavailable as problem:
        yield warning("lineage", _one_line(problem), "Try again when the database answers")
        return
    if found is not None:
        yield backlog(found.waiting, found.put_aside, found.subject, found.reason)


def backlog(waiting: int, put_aside: int, subject: str, reason: str) -> Finding:
    """What it means that changes wait for their lineage, or were put aside. Pure."""
    if not put_aside:
        return good("lineage", f"{waiting} changes wait for it" if waiting else "complete")
    return warning(
        "lineage",
        f"{put_aside} changes could not be told; the last is of {subject}: {reason}",
        "The log has the reasons (announcement_put_aside). They are tried again when a server"
        " starts: update Modelyard, and start it again",
    )


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    person, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{person.partition(':')[0]}@{place}").geturl()


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def _port_of(url: str) -> int | None:
    return urlsplit(url).port


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
