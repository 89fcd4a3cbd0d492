"""What a replica may see and do, decided by the server; replica/confine.py carries it out.

The child gives its rights up itself, before it reads the archive or runs a line of model code.
Reading is an allow-list: the interpreter, its packages, what the system's loader and resolver
need, the replica's own model.
"""

import itertools
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelyard.compute.backend import ReplicaSpec
from modelyard.replica.confine import DOOR, holds_code
from modelyard.replica.spec import Spec

ENTRY = Path(__file__).resolve().parent.parent / "replica" / "__main__.py"
UIDS = range(61184, 65520)  # systemd's range for users made at run time
PATH = "/usr/local/bin:/usr/bin:/bin"

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store")
# Not /etc as a whole: a replica of a root server is still user 0 and could read its secrets.
_ETC = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ssl/certs",
    "ssl/openssl.cnf",
    "ca-certificates",
    "pki/tls/certs",
    "localtime",
    "timezone",
    "nsswitch.conf",
    "passwd",
    "group",
    "hosts",
    "host.conf",
    "resolv.conf",
    "gai.conf",
    "mime.types",
    "os-release",
    "debian_version",
    "lsb-release",
    "redhat-release",
    "alpine-release",
    "alternatives",
    "pip.conf",
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "fonts",
]
_NETWORK_ONLY = ("/run/systemd/resolve", "/run/resolvconf")

_uids = itertools.cycle(UIDS[:-1])  # the last one builds environments


@dataclass(frozen=True, slots=True)
class User:
    """Whom a child becomes; 0: nobody else. `reads_all`: see confine.py."""

    uid: int = 0
    reads_all: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start one child. The environment is complete: nothing is inherited."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    work: str
    spec: Spec


def plan(
    spec: ReplicaSpec,
    private: Iterable[Path],
    python: str,
    *,
    unpacked: bool,
    user: User,
    unconfined_code: bool = False,
) -> Plan:
    """The plan of a replica that serves `spec` with the interpreter `python`."""
    work = str(spec.folder / "work")
    readable = readable_paths(python, private)
    if unpacked:  # an environment of its own, which is kept in the server's folder
        readable.append(str(Path(python).parent.parent))
    return Plan(
        command=(python, "-I", "-B", str(ENTRY)),
        environment=clean_environment(work, spec.threads),
        work=work,
        spec=Spec(
            image=spec.image,
            archive=str(spec.archive or ""),
            model=str(spec.folder / "model"),
            code_archive=str(spec.code_archive or ""),
            code=str(spec.folder / "code") if spec.code_archive else "",
            work=work,
            environment=_environment(spec),
            memory_bytes=spec.memory_bytes,
            threads=spec.threads,
            readable=tuple(readable),
            unpacked=unpacked,
            uid=user.uid,
            reads_all=user.reads_all,
            unconfined_code=unconfined_code,
            door=spec.execution is not None,
        ),
    )


def _environment(spec: ReplicaSpec) -> dict[str, str]:
    if spec.execution is None:
        return dict(spec.environment)
    region = spec.execution.region
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, **spec.environment}


def clean_environment(work: str, threads: int) -> dict[str, str]:
    return {
        "PATH": PATH,
        "HOME": work,
        "TMPDIR": work,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
    }


def readable_paths(python: str, private: Iterable[Path], *, network: bool = False) -> list[str]:
    """What every replica may read, without whatever leads into a private folder."""
    paths = [*_SYSTEM, *(f"/etc/{name}" for name in _ETC), *(_NETWORK_ONLY if network else ())]
    home = Path(python).parent.parent
    prefixes = (home, Path(os.path.realpath(python)).parent.parent)
    # Not a home folder that happens to hold bin/python.
    paths += [str(prefix) for prefix in prefixes if any(prefix.glob("lib*/python3*"))]
    paths += [sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)]
    paths += [path for path in sys.path if path.endswith("-packages")]
    if (settings := home / "pyvenv.cfg").is_file():
        for line in settings.read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home":
                paths.append(str(Path(os.path.realpath(value.strip())).parent))
    hidden = [Path(os.path.realpath(folder)) for folder in private]
    seen = dict.fromkeys(path for path in paths if path and path != "/")
    return [open_path for path in seen for open_path in _without(Path(path), hidden)]


def _without(path: Path, hidden: list[Path]) -> Iterator[str]:
    """`path`, or instead of it its children as far as none is hidden."""
    real = Path(os.path.realpath(path))
    if any(real == folder or real.is_relative_to(folder) for folder in hidden):
        return
    if not any(folder.is_relative_to(real) for folder in hidden):
        yield str(path)
        return
    for child in sorted(real.iterdir()):
        yield from _without(child, hidden)


def user_for(paths: Iterable[str | Path]) -> User:
    """A user for one replica, if we are root."""
    if os.geteuid() != 0:
        return User()
    return User(next(_uids), reads_all=not all(_reachable(Path(path)) for path in paths))


def _reachable(path: Path) -> bool:
    """Everyone may read it and pass every folder above; not so below a closed home."""
    real = Path(os.path.realpath(path))
    if real.is_file() and not real.stat().st_mode & stat.S_IROTH:
        return False
    above = [*path.absolute().parents, *real.parents]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in above if folder.exists())


def level() -> str:
    """What a replica on this machine is deprived of, tried in a real child; for `doctor`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        user = user_for([sys.executable, ENTRY, Path(folder, "work")])
        spec = Spec(
            image="",
            archive="",
            model=f"{folder}/model",
            work=folder,
            readable=tuple(readable_paths(sys.executable, ())),
            uid=user.uid,
            reads_all=user.reads_all,
            door=True,
        )
        ended = subprocess.run(
            [sys.executable, "-I", "-B", str(ENTRY), "probe"],
            input=spec.line(),
            capture_output=True,
            env=clean_environment(folder, 1),
            timeout=30,
            check=False,
        )
    measures = ended.stdout.decode("utf-8", "replace").split("\n")
    text = ", ".join(measure for measure in measures if measure)
    if text and not holds_code(measures):
        text += "; nothing keeps model code from files: models with code of their own are refused"
    if text and DOOR not in measures:
        text += "; no door: model code reaches no S3 and has no execution role"
    return text or "none: " + ended.stderr.decode("utf-8", "replace").strip()[-300:]
