"""One replica from its specification to its end: confine, unpack, choose, load, report, serve."""

import json
import os
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from modelyard.replica import archive, confine, environments, runtimes, serving
from modelyard.replica.door import Ports
from modelyard.replica.spec import Spec

Archives = list[tuple[BinaryIO, Path]]
_REFUSALS = (
    archive.ArchiveError,
    confine.ConfinementError,
    environments.RequirementsTooLong,
    runtimes.LoadError,
)


def main(connection_fd: int, status_fd: int, control_fd: int | None = None) -> None:
    """Never returns to the caller's caller: the process is the replica."""
    confine.die_with_parent()
    spec = Spec.parse(sys.stdin.buffer.readline())
    connection = socket.socket(fileno=connection_fd)
    control = None if control_fd is None else socket.socket(fileno=control_fd)
    try:
        archives = _open(spec)  # the right to read them is given up next
        confined = confine.confine(spec)
        runtime = _load(spec, archives, status_fd, confined, control)
    except _REFUSALS as error:
        _report(status_fd, state="failed", reason=str(error))
        sys.exit(1)
    except MemoryError:
        _report(status_fd, state="failed", reason="The model needs more memory than it may have.")
        sys.exit(1)
    except BaseException as error:  # noqa: BLE001
        # Whatever model code raises, SystemExit included, is told by its last line; nobody retries.
        traceback.print_exc()
        last = traceback.format_exception_only(error)[-1].strip()
        _report(status_fd, state="failed", reason=f"The model could not be loaded: {last}")
        sys.exit(1)
    if runtime is None:
        sys.exit(0)
    _report(status_fd, state="ready", window=runtime.window)
    os.close(status_fd)
    serving.serve(connection, runtime)


def _load(
    spec: Spec,
    archives: Archives,
    status_fd: int,
    confined: confine.Confined,
    control: socket.socket | None,
) -> serving.Runtime | None:
    """The loaded runtime, or None when the model first needs an environment of its own."""
    code_allowed = confine.holds_code(confined.measures) or spec.unconfined_code
    model = Path(spec.model)
    code = Path(spec.code) if spec.code else model / "code"
    if not spec.unpacked:
        for packed, folder in archives:
            with packed:
                archive.unpack(packed, folder)
        if (needed := environments.requirements(code)) is not None:
            _require_confinement(code_allowed)
            _report(status_fd, state="requirements", requirements=needed)
            return None
    confine.seal_model(spec, confined.ports)
    # Not before: a second thread would stay outside of what is sealed.
    threading.Thread(target=_end_with_server, name="watch", daemon=True).start()
    choice = runtimes.choose(spec.image, model, code, spec.environment)
    if choice.runs_code:
        _require_confinement(code_allowed)
    os.environ.update(spec.environment)
    os.environ.setdefault("SM_MODEL_DIR", spec.model)
    _open_door(confined.ports, control, runs_code=choice.runs_code)
    return choice.load()


def _open_door(ports: Ports | None, control: socket.socket | None, *, runs_code: bool) -> None:
    """For model code; without any nobody would go through it, and a start is kept short."""
    if ports is not None and control is not None and runs_code:
        from modelyard.replica import relay

        relay.open_door(ports, control, os.environ)
        return
    if ports is not None:
        ports.close()
    if control is not None:
        control.close()
        if runs_code:
            sys.stderr.write(
                "This machine gives a replica no network of its own: model code reaches neither S3 "
                "nor its execution role's credentials.\n"
            )


def _open(spec: Spec) -> Archives:
    """The archives to unpack, and where to."""
    wanted = ((spec.archive, spec.model), (spec.code_archive, spec.code))
    try:
        return [(open(packed, "rb"), Path(folder)) for packed, folder in wanted if packed]
    except OSError as error:
        raise archive.ArchiveError(f"The model archive cannot be read: {error.strerror}.") from None


def _require_confinement(code_allowed: bool) -> None:
    if not code_allowed:
        raise confine.ConfinementError(
            "The model brings code of its own, and this machine has no means to keep it from the "
            "server's files (no Landlock). See MODELYARD_UNCONFINED_CODE."
        )


def _report(status_fd: int, **members: Any) -> None:
    os.write(status_fd, json.dumps(members).encode() + b"\n")


def _end_with_server() -> None:
    while os.read(0, 4096):
        """The server has nothing to say there; only the end counts."""
    os._exit(0)
