"""One server, put together from its settings, and taken apart in order."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelyard import dispatch, errors, offered, role_session_records, sign_in_records, upkeep
from modelyard.access.accounts import accounts
from modelyard.access.accounts.organizations import Organizations
from modelyard.access.authorisation.authoriser import Authoriser
from modelyard.access.authorisation.directory import Directory
from modelyard.access.authorisation.freshness import Freshness
from modelyard.access.identities.access_keys import AccessKeys
from modelyard.access.identities.key_uses import KeyUses
from modelyard.access.interception.authority import Authority
from modelyard.access.interception.connect import ConnectListener
from modelyard.access.keys import credentials, key_cipher, private_files
from modelyard.access.keys.key_cipher import KeyCipher
from modelyard.access.people.people import People
from modelyard.access.policy import actions, sharing
from modelyard.access.sessions.execution_roles import ExecutionRoles
from modelyard.access.sessions.sts import SecurityTokenService
from modelyard.audit import checkpoints
from modelyard.audit.chaining import Chaining
from modelyard.audit.summing import Summing
from modelyard.audit.trail import Trail
from modelyard.compute.archive_listings import ArchiveListings
from modelyard.compute.artifacts import Artifacts
from modelyard.compute.controller import Controller
from modelyard.compute.doors import Doors
from modelyard.compute.keeper import Sizes
from modelyard.compute.processes import ProcessBackend
from modelyard.contract.page_tokens import PageTokens
from modelyard.data_folder import DataFolder
from modelyard.experiments import metric_removal
from modelyard.experiments.metric_events import DataEvents
from modelyard.experiments.metric_writer import MetricWriter
from modelyard.experiments.metrics import Metrics
from modelyard.hosting.invocations import InvocationDoor
from modelyard.hosting.routing import RoutingTable
from modelyard.lineage.making import making
from modelyard.objects.blobs import BlobFolder
from modelyard.objects.door import ObjectDoor
from modelyard.registry.archive_files import ArchiveFiles
from modelyard.registry.metric_reader import MetricReader
from modelyard.registry.model_package_comparison import Comparisons
from modelyard.server.application import Server
from modelyard.server.edge import Listener
from modelyard.server.services import Services
from modelyard.server.sign_in.door import SignInDoor
from modelyard.settings import Settings
from modelyard.storage import database, schema
from modelyard.storage.database import Database
from modelyard.storage.outbox_consumer import Consumer

ENDPOINTS_SECONDS_MAX = 30.0  # to tidy up and to read the rows of all endpoints at the start

log = logging.getLogger("modelyard.app")


class CannotStart(Exception):
    """What keeps the server from starting, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the person who started the server should know."""

    url: str
    data: Path
    new_key: credentials.AccessKey | None  # shown once


async def serve(settings: Settings, announce: Callable[[Started], None]) -> None:
    """Run one server until SIGTERM or SIGINT; answers under way are finished first.

    Raises: CannotStart, FolderInUse.
    """
    os.umask(0o077)  # whatever is written, database and objects too, is for this user alone
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(settings.data))
        sock = stack.enter_context(_listening_socket(settings))
        keys = _credentials(settings)
        db = await _database(settings, folder)
        stack.push_async_callback(db.close)
        await accounts.ensure_management(db, settings.account, time.time_ns() // 1000)
        blobs = BlobFolder(folder.blobs)
        stack.callback(blobs.close)
        objects = ObjectDoor(db, blobs, sharing.read_bucket_policy)
        routing = RoutingTable()
        audit_keys = checkpoints.Keys(keys.secret.derive(checkpoints.SECRET_LABEL))
        trail = Trail(audit_keys.seal, environment_kept=settings.audit_environment == "keep")
        freshness = Freshness(db)
        uses = KeyUses()
        record = sign_in_records.recording(trail, settings.region)
        turned_away = sign_in_records.counting(trail)
        people = People(db, settings, keys, freshness, record, turned_away)
        stack.callback(people.close)
        data_events = DataEvents(db)
        stack.push_async_callback(data_events.end)
        metrics = Metrics(MetricWriter(db), data_events)
        _run_beside(stack, Summing(db, trail, settings.account, settings.region).run())
        actions.load()
        files = _archive_files(stack, folder, db, objects)
        server = _server(settings, db, keys, objects, routing, trail, people, uses, files, metrics)
        listener = Listener(server, settings)
        handed_out = role_session_records.recording(trail, settings.region)
        roles = ExecutionRoles(db, keys.sessions, handed_out)
        doors = Doors(listener.serve_stream, roles)
        await _start_compute(stack, settings, folder, db, objects, routing, doors)
        await _start_listener(stack, listener, sock)
        port = sock.getsockname()[1]
        _run_beside(stack, freshness.watch())
        _run_beside(stack, uses.run(db))
        _run_beside(stack, upkeep.run(db))
        _run_beside(stack, data_events.run())
        _run_beside(stack, metric_removal.run(db, folder.identity()))
        _run_beside(stack, Chaining(db, audit_keys, folder.identity()).run())
        _run_beside(stack, Consumer(db, making.HANDLERS, folder.identity()).run())
        _run_beside(stack, objects.keep_swept())
        _run_beside(stack, MetricReader(db, objects, folder.identity()).run())
        connect_port = await _start_connect(stack, settings, folder, keys, port)
        url = f"http://{_shown_host(settings.host)}:{port}"
        _write_server_file(folder, settings, url, connect_port, keys.root.id)
        announce(Started(url, folder.root, keys.root if keys.first_start else None))
        log.info("serving", extra={"url": url, "data": str(folder.root)})
        await stopping.wait()
        log.info("stopping")


def _server(
    settings: Settings,
    db: Database,
    keys: credentials.Credentials,
    objects: ObjectDoor,
    routing: RoutingTable,
    trail: Trail,
    people: People,
    uses: KeyUses,
    files: ArchiveFiles,
    metrics: Metrics,
) -> Server:
    """Every operation behind its door, and the edge before it."""
    cipher = KeyCipher(keys.secret.derive(key_cipher.LABEL))
    directory = Directory(db, keys, cipher, people.freshness, uses)
    operations = offered.table(
        objects,
        InvocationDoor(routing),
        SecurityTokenService(keys.sessions),
        AccessKeys(cipher),
        Organizations(settings.account),
        people.profiles,
        people.identity,
        Comparisons(db, files),
        metrics,
    )
    page_tokens = PageTokens(keys.secret.page_tokens)
    door = dispatch.Dispatch(db, page_tokens, operations, trail, Authoriser(directory))
    sign_in = SignInDoor(people, settings, keys.secret.derive("sign-in-forms"))
    return Server(door, directory, Services(), settings, ready=lambda: True, sign_in=sign_in)


def _archive_files(
    stack: AsyncExitStack, folder: DataFolder, db: Database, objects: ObjectDoor
) -> ArchiveFiles:
    """What reads archives for comparisons; reading ends when the stack is left."""
    listings = ArchiveListings(objects, folder.compute / "listings")
    files = ArchiveFiles(db, listings)
    stack.push_async_callback(files.close)
    stack.callback(listings.close)
    return files


async def _start_compute(
    stack: AsyncExitStack,
    settings: Settings,
    folder: DataFolder,
    db: Database,
    objects: ObjectDoor,
    routing: RoutingTable,
    doors: Doors,
) -> None:
    """The controller and its replicas; left in the opposite order."""
    backend = ProcessBackend(
        environments=folder.environments,
        private=(folder.root,),
        unconfined_code=settings.unconfined_code == "allow",
        doors=doors,
    )
    stack.push_async_callback(backend.close)
    controller = Controller(
        db,
        backend,
        routing,
        Artifacts(db, objects, folder.compute / "artifacts"),
        holder=folder.identity(),
        folder=folder.compute,
        sizes=Sizes(
            memory_bytes=settings.replica_memory_bytes,
            start_seconds_max=settings.replica_start_seconds_max,
            invoke_seconds_max=settings.invocation_seconds_max,
        ),
    )
    _run_beside(stack, controller.run())
    # Before requests come in, so that none is told that its endpoint does not exist; unless another
    # server controls them.
    with suppress(TimeoutError):
        async with asyncio.timeout(ENDPOINTS_SECONDS_MAX):
            await controller.known.wait()


async def _start_listener(stack: AsyncExitStack, listener: Listener, sock: socket.socket) -> None:
    serving = asyncio.create_task(listener.serve(sockets=[sock]))

    async def stop() -> None:
        listener.should_exit = True
        await serving

    stack.push_async_callback(stop)
    await listener.listening.wait()


async def _start_connect(
    stack: AsyncExitStack,
    settings: Settings,
    folder: DataFolder,
    keys: credentials.Credentials,
    port: int,
) -> int:
    """Answer clients that hard-code AWS's STS host; the port that was bound."""
    address = (_shown_host(settings.host).strip("[]"), port)
    listener = ConnectListener(Authority(folder.root), keys.secret.connect_password, address)
    wanted = port + 1 if settings.connect_port == -1 else settings.connect_port
    try:
        bound = await listener.start(settings.host, wanted)
    except OSError as problem:
        if settings.connect_port != -1:
            raise CannotStart(
                f"Cannot listen on {settings.host} port {wanted} for CONNECT: {problem.strerror}."
                " Set MODELYARD_CONNECT_PORT to another one."
            ) from None
        bound = await listener.start(settings.host, 0)
    stack.push_async_callback(listener.close)
    return bound


def _run_beside(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Run `work` until the stack is left. Should it ever end by itself, that is logged."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(stop)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("background_work_ended", exc_info=error)


def _listening_socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as problem:
        sock.close()
        raise CannotStart(
            f"Cannot listen on {settings.host} port {settings.port}: {problem.strerror}."
            " Give another one with --port."
        ) from None
    return sock


def _credentials(settings: Settings) -> credentials.Credentials:
    try:
        return credentials.load(settings)
    except credentials.UnusableCredentials as problem:
        raise CannotStart(str(problem)) from None


async def _database(settings: Settings, folder: DataFolder) -> Database:
    url = settings.database or folder.database_url
    try:
        return await database.connect(url)
    except (
        errors.Unavailable,
        schema.NewerDatabase,
        ValueError,
        ModuleNotFoundError,  # of the driver; it names the extra
    ) as problem:
        raise CannotStart(f"The database cannot be used: {problem}") from None


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _write_server_file(
    folder: DataFolder, settings: Settings, url: str, connect_port: int, access_key_id: str
) -> None:
    """How to reach this server, for the commands that work beside it. Holds no secret."""
    content = {
        "url": url,
        "region": settings.region,
        "account": settings.account,
        "pid": os.getpid(),
        "connect_port": connect_port,
        "access_key_id": access_key_id,
    }
    private_files.replace(folder.server_file, msgspec.json.encode(content))
