"""What a shell needs so that clients with hard-coded AWS hosts reach this server.

Writes two files beside the authority: a bundle that joins the system's authorities with ours, and
a configuration of the SageMaker SDK that turns its telemetry off.
"""

import importlib.util
import os
import re
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path

from modelyard.access.interception.authority import FOLDER, Authority
from modelyard.access.interception.connect import USER
from modelyard.access.keys import private_files

BUNDLE_FILE = "bundle.pem"
SDK_CONFIG_FILE = "sagemaker-sdk.yaml"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?")
_BUNDLE_BYTES_MAX = 8 << 20
# The SDK's telemetry asks STS, then a public bucket without a time-out: it would hang offline.
# The key is valid exactly here; the SDK's schema refuses it elsewhere.
_SDK_CONFIG = b"""SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


def client_environment(
    data: Path,
    password: str,
    host: str,
    port: int,
    *,
    no_proxy: str = "",
    further_bundles: Sequence[str] = (),
) -> dict[str, str]:
    """Variables for a shell; `host` and `port` are the CONNECT listener's, as the client sees it.

    `no_proxy` and `further_bundles` are what the shell has already: hosts without a proxy, and
    files of authorities it trusts. Files below `data` are made anew.
    Raises: private_files.UnsafeFile.
    """
    folder = data.resolve() / FOLDER
    bundle, config = folder / BUNDLE_FILE, folder / SDK_CONFIG_FILE
    own = Authority(data.resolve()).certificate()
    private_files.replace(bundle, b"".join(_joined([own, *_bundles(further_bundles)])))
    private_files.replace(config, _SDK_CONFIG)
    shown_host = f"[{host}]" if ":" in host else host
    excepted = [*no_proxy.split(","), "localhost", "127.0.0.1", "::1", host]
    return {
        "HTTPS_PROXY": f"http://{USER}:{password}@{shown_host}:{port}",
        "NO_PROXY": ",".join(dict.fromkeys(filter(None, map(str.strip, excepted)))),
        "AWS_CA_BUNDLE": str(bundle),
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config),
    }


def _joined(bundles: Iterable[bytes]) -> list[bytes]:
    """Every certificate once, ours first."""
    found: dict[bytes, bytes] = {}
    for bundle in bundles:
        for certificate in _CERTIFICATE.findall(bundle):
            found.setdefault(b"".join(certificate.split()), certificate.rstrip() + b"\n")
    return list(found.values())


def _bundles(further: Sequence[str]) -> Iterable[bytes]:
    paths = ssl.get_default_verify_paths()
    files = [Path(file) for file in (*further, paths.cafile) if file]
    if paths.capath:
        files += sorted(Path(paths.capath).glob("*.crt")) + sorted(Path(paths.capath).glob("*.pem"))
    for package, name in (("certifi", "cacert.pem"), ("botocore", "cacert.pem")):
        specification = importlib.util.find_spec(package)
        if specification is not None and specification.origin is not None:
            files.append(Path(specification.origin).parent / name)
    for file in files:
        if file.is_file() and os.access(file, os.R_OK):
            with file.open("rb") as opened:
                yield opened.read(_BUNDLE_BYTES_MAX)
