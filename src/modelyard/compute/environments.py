"""Python environments for models with requirements, each made once and kept by what was asked for.

The making itself happens in a sandboxed child (replica/environments.py). Knows no replica's state.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from modelyard.compute import folders, sandbox
from modelyard.replica.environments import COMPLETE
from modelyard.replica.spec import Spec

BUILD_SECONDS_MAX = 900.0
BUILD_MEMORY_BYTES = 4 << 30
OUTPUT_BYTES_MAX = 64 << 10  # the end of pip's output that is kept
REASON_LINES = 3
BUILDER_UID = sandbox.UIDS.stop - 1  # no replica's: none can change what it is given
KEPT_MAX = 20  # environments that no replica uses now count too
UNUSED_SECONDS_MAX = 30 * 86_400.0
# A name, extras, versions, a marker: no path, no URL, no option, no line that goes on.
_PLAIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[A-Za-z0-9._, -]*\]\s*)?"
    r"([<>=!~]{1,3}\s*[A-Za-z0-9.*+!_-]+\s*(,\s*[<>=!~]{1,3}\s*[A-Za-z0-9.*+!_-]+\s*)*)?"
    r"(;[A-Za-z0-9_ .'\"<>=!~()-]*)?"
)
_PLAIN_CHARACTERS_MAX = 500
# What pip unpacks.
_ZIPPED = (".zip", ".whl")
_TARRED = (".tar", ".gz", ".bz2", ".xz", ".lz", ".lzma", ".tgz", ".tbz", ".txz", ".tlz")
_PASSED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_UNREACHABLE = re.compile(
    r"NewConnectionError|name resolution|Connection refused|Network is unreachable|timed out",
    re.IGNORECASE,
)


class RequirementsError(Exception):
    """The environment could not be made; the text is a sentence for FailureReason."""

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(reason)
        self.output = output


class EnvironmentCache:
    """`folder` holds one environment a set of requirements and interpreter.

    Those that no replica has asked for in a while go, and the oldest of too many; an environment
    in use is asked for again by the next start, and is only removed by its age.
    """

    def __init__(
        self,
        folder: Path,
        python: str,
        private: Iterable[Path],
        *,
        unconfined_code: bool = False,
        kept_max: int = KEPT_MAX,
    ) -> None:
        self._folder = folder
        self._python = python
        self._private = tuple(private)
        self._unconfined_code = unconfined_code
        self._kept_max = kept_max
        self._used: Counter[Path] = Counter()
        self._locks: dict[str, asyncio.Lock] = {}

    async def python(
        self, requirements: str, code: Path, own_folder: Path, user: sandbox.User
    ) -> str:
        """The interpreter of an environment with these requirements. Raises RequirementsError.

        Only plain names from an index are shared, and exactly the text that names the environment
        goes into it: otherwise one model could put its files where another finds them. Everything
        else goes to `own_folder`. `user` is the replica's, which may read `code`.
        """
        key = hashlib.sha256(
            f"{requirements}\x00{sys.version}\x00{self._python}\x00{sys.prefix}".encode()
        ).hexdigest()[:32]
        shared = is_shared(requirements)
        target = self._folder / key if shared else own_folder / "environment"
        if user.uid:
            await asyncio.to_thread(_make_passable, self._folder)
        async with self._locks.setdefault(str(target), asyncio.Lock()):
            if await asyncio.to_thread((target / COMPLETE).exists):
                await asyncio.to_thread(os.utime, target)  # asked for now: see sweep
            else:
                await self._build(target, code, requirements if shared else "", user)
        return str(target / "bin" / "python")

    def hold(self, python: str) -> None:
        """Keep the environment of this interpreter until `release`."""
        self._used[Path(python).parent.parent] += 1

    def release(self, python: str) -> None:
        self._used[Path(python).parent.parent] -= 1

    async def sweep(self) -> None:
        """Remove what is old and not in use, and of too many those longest not asked for."""
        for path in await asyncio.to_thread(_superfluous, self._folder, self._kept_max):
            lock = self._locks.setdefault(str(path), asyncio.Lock())
            if self._used[path] == 0 and not lock.locked():
                async with lock:
                    await asyncio.to_thread(folders.remove, path)

    async def _build(self, target: Path, code: Path, requirements: str, user: sandbox.User) -> None:
        await asyncio.to_thread(_fresh, target, BUILDER_UID if user.uid else 0)
        status, output = await self._run_builder(target, code, requirements, user)
        if status != 0 or not (target / COMPLETE).exists():
            await asyncio.to_thread(folders.remove, target)
            raise RequirementsError(_reason(output), output)

    async def _run_builder(
        self, target: Path, code: Path, requirements: str, user: sandbox.User
    ) -> tuple[int | None, str]:
        environment = _builder_environment(target)
        spec = Spec(
            image="",
            archive="",
            model=str(code),
            work=str(target),
            memory_bytes=BUILD_MEMORY_BYTES,
            readable=(
                *sandbox.readable_paths(self._python, self._private, network=True),
                *_named_paths(environment, self._private),
            ),
            unpacked=True,
            network=True,
            uid=BUILDER_UID if user.uid else 0,
            gid=user.uid,
            reads_all=user.reads_all,
            requirements=requirements,
            unconfined_code=self._unconfined_code,
        )
        process = await asyncio.create_subprocess_exec(
            *(self._python, "-I", "-B", str(sandbox.ENTRY), "environment"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            cwd=target,
            start_new_session=True,
        )
        output = bytearray()
        try:
            async with asyncio.timeout(BUILD_SECONDS_MAX):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(spec.line())
                process.stdin.close()
                while data := await process.stdout.read(65536):
                    output += data
                    del output[:-OUTPUT_BYTES_MAX]
                await process.wait()
        except TimeoutError:
            output += f"\nERROR: it took longer than {BUILD_SECONDS_MAX:g} seconds".encode()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return process.returncode, output.decode("utf-8", "replace")


def is_shared(requirements: str) -> bool:
    """Whether every line is a plain name with versions, which cannot mean a file of the model."""
    lines = (line.split("#")[0].strip() for line in requirements.splitlines())
    return all(_is_plain(line) for line in lines if line)


def _is_plain(line: str) -> bool:
    match = _PLAIN.fullmatch(line) if len(line) <= _PLAIN_CHARACTERS_MAX else None
    # pip takes a bare name that ends so for a file, if there is one.
    return match is not None and not match["name"].lower().endswith(_ZIPPED + _TARRED)


def _fresh(target: Path, uid: int) -> None:
    folders.remove(target)
    target.mkdir(parents=True, mode=0o755)
    target.chmod(0o755)
    if uid:
        os.chown(target, uid, uid)


def _make_passable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o711)


def _superfluous(folder: Path, kept_max: int) -> list[Path]:
    if not folder.is_dir():
        return []
    asked: dict[Path, float] = {}
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            asked[path] = path.stat().st_mtime
    newest = sorted(asked, key=lambda path: asked[path], reverse=True)
    oldest = time.time() - UNUSED_SECONDS_MAX
    return [path for place, path in enumerate(newest) if place >= kept_max or asked[path] < oldest]


def _builder_environment(target: Path) -> dict[str, str]:
    """The clean environment, and what the machine says about package indexes and proxies."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.upper() in _PASSED
    }
    return {**sandbox.clean_environment(str(target), 1), **passed}


def _named_paths(environment: dict[str, str], private: Iterable[Path]) -> list[str]:
    """Folders of packages and certificates that pip's configuration on this machine names."""
    texts = [value for name, value in environment.items() if name.startswith("PIP_")]
    for name in ("/etc/pip.conf", environment.get("PIP_CONFIG_FILE", "")):
        with contextlib.suppress(OSError):
            texts.append(Path(name).read_text("utf-8", "replace"))
    found = {
        path
        for text in texts
        for path in re.findall(r"(?<![\w.:/])(?:file://)?(/[^\s,'\"]+)", text)
    }
    hidden = [Path(os.path.realpath(folder)) for folder in private]
    return [
        path
        for path in sorted(found)
        if Path(path).exists()
        and len(Path(path).parts) > 2
        and not any(
            folder.is_relative_to(real) or real.is_relative_to(folder)
            for folder in hidden
            for real in [Path(os.path.realpath(path))]
        )
    ]


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match("ERROR: .* ", line)] or lines
    last = " ".join(errors[-REASON_LINES:])[:600]
    if _UNREACHABLE.search(output):
        return (
            "The model's code/requirements.txt could not be installed: the package index cannot be "
            f"reached. {last}"
        )
    return f"The model's code/requirements.txt could not be installed: {last}"
