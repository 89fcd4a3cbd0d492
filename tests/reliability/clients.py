"""boto3's clients of one server, made once and shared by threads."""

import threading
from pathlib import Path
from typing import Any

from botocore.config import Config

import modelyard
from tests import aws_sessions
from tests.server_process import REGION, ServerProcess

SERVICE_FOLDER = Path(modelyard.__file__).parent / "service"


class Clients:
    """`clients("sagemaker")`. A call is sent `attempts` times at most; by default nothing is
    repeated behind the caller's back."""

    def __init__(
        self, server: ServerProcess, *, attempts: int = 1, read_timeout: float = 100
    ) -> None:
        self._server = server
        self._config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=32,
            connect_timeout=30,
            read_timeout=read_timeout,
        )
        self._session: Any = aws_sessions.session(
            server.access_key_id, server.secret_access_key, region=REGION
        )
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str) -> Any:
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.client(
                    service, endpoint_url=self._server.url, config=self._config
                )
            return self._made[service]
