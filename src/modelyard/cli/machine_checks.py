"""What this machine has for Modelyard: runtimes, sandbox, limits, and the AWS clients beside it.

Looks and changes nothing. Knows no server.
"""

import importlib.metadata
import importlib.util
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator

from modelyard.cli.findings import Finding, failure, good, warning

OPEN_FILES_MIN = 256
OPEN_FILES_WANTED = 4096  # one for each client's connection, each replica and each open object
AWS_SECONDS_MAX = 30.0

# Extra -> what is imported, and the packages that bring it.
_RUNTIMES = {
    "xgboost": ("xgboost", ("xgboost-cpu", "xgboost"), "XGBoost models"),
    "sklearn": ("sklearn", ("scikit-learn",), "scikit-learn models in script mode"),
}
# The first that read AWS_ENDPOINT_URL (July 2023; version 2 of the CLI in August).
_BOTO3_MIN = (1, 28)
_CLI_MIN = {1: (1, 29), 2: (2, 13)}
_CLI_VERSION = re.compile(r"aws-cli/(\d+)\.(\d+)\.(\d+)")


def examine() -> Iterator[Finding]:
    version = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield good("python", version)
    for extra in _RUNTIMES:
        yield _runtime(extra)
    yield _sandbox()
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield _boto3()
    yield _aws_command()


def _runtime(extra: str) -> Finding:
    module, packages, serves = _RUNTIMES[extra]
    for package in packages:
        version = _installed(package)
        if version is not None and importlib.util.find_spec(module) is not None:
            return good(f"runtime {extra}", f"{package} {version} serves {serves}")
    return warning(
        f"runtime {extra}",
        f"{packages[0]} is not installed: {serves} end in Failed",
        f"Install it beside the server: pip install 'modelyard[{extra}]'",
    )


def _sandbox() -> Finding:
    # The sandbox is tried in a real child, with the server's own code.
    from modelyard.compute import sandbox

    try:
        return sandbox_finding(sandbox.level())
    except (OSError, subprocess.SubprocessError) as problem:
        return failure(
            "sandbox",
            f"it could not be tried: {problem}",
            "Replicas start the same way. Run this as the server's user and see what keeps it from"
            " starting processes.",
        )


def sandbox_finding(level: str) -> Finding:
    """What a level of `compute.sandbox` means. Pure."""
    if level.startswith("none"):
        return failure(
            "sandbox",
            f"replicas cannot be confined here ({level})",
            "No endpoint will start. Allow no_new_privs and seccomp for the server's process, as"
            " every Linux since 3.5 does.",
        )
    if "Landlock" not in level:
        return warning(
            "sandbox",
            f"{level}; without Landlock, model code can read what its user can",
            "Run models you trust only, or use a Linux from 5.13 on with Landlock among"
            " /sys/kernel/security/lsm.",
        )
    if "network namespace" not in level:
        return warning(
            "sandbox",
            f"{level}; without a network namespace, only filters keep model code off the network",
            "Allow user namespaces to the server's user (sysctl kernel.unprivileged_userns_clone=1"
            " or its like).",
        )
    if "; no door" in level:
        return warning(
            "sandbox",
            level,
            "The kernel refuses to set up the loopback of a replica's own network. Give the server"
            " CAP_NET_ADMIN, or run it as a user who may make user namespaces.",
        )
    return good("sandbox", level)


def open_files(limit: int) -> Finding:
    if limit == resource.RLIM_INFINITY or limit >= OPEN_FILES_WANTED:
        return good("open files", "no limit" if limit == resource.RLIM_INFINITY else f"{limit}")
    found = f"{limit} at a time, one for each connection, replica and open object"
    advice = "Before `modelyard serve`: ulimit -n 65536 (LimitNOFILE=65536 in a systemd unit)"
    judged = failure if limit < OPEN_FILES_MIN else warning
    return judged("open files", found, advice)


def _boto3() -> Finding:
    version = _installed("boto3")
    if version is None:
        return good("boto3", "not beside this program (it may be in your own environment)")
    if _numbers(version) < _BOTO3_MIN:
        return warning(
            "boto3",
            f"{version} does not read AWS_ENDPOINT_URL",
            "pip install -U 'boto3>=1.28', or give endpoint_url= to every client",
        )
    return good("boto3", version)


def _aws_command() -> Finding:
    command = shutil.which("aws")
    if command is None:
        return good("aws", "not on PATH; the AWS CLI is needed only if you want to use it")
    try:
        ran = subprocess.run(
            [command, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=AWS_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return warning("aws", f"{command} --version failed: {problem}", "Install it anew")
    return aws_finding(command, ran.stdout + ran.stderr)


def aws_finding(command: str, said: str) -> Finding:
    """What `aws --version` said, against the first version that knows AWS_ENDPOINT_URL. Pure."""
    match = _CLI_VERSION.search(said)
    if match is None:
        return warning("aws", f"{command} does not tell its version", "Is it the AWS CLI?")
    major, minor = int(match[1]), int(match[2])
    version = f"{match[1]}.{match[2]}.{match[3]}"
    least = _CLI_MIN.get(major)
    if major < 1 or (least is not None and (major, minor) < least):
        return warning(
            "aws",
            f"{command} {version} does not read AWS_ENDPOINT_URL",
            "Take version 1.29, 2.13 or newer, or give --endpoint-url to every command",
        )
    return good("aws", f"{command} {version}")


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
