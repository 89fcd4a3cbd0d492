"""Somebody of another account, who asks for what is not theirs."""

from typing import Any

from botocore.config import Config

from tests import aws_sessions
from tests.server_process import REGION, ServerProcess


class Stranger:
    """The administrator of an account that has nothing."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        made = server.client("organizations").create_account(
            AccountName=name, Email=f"{name}@example.com"
        )["CreateAccountStatus"]
        self.account = made["AccountId"]
        role = f"arn:aws:iam::{self.account}:role/OrganizationAccountAccessRole"
        assumed = server.client("sts").assume_role(RoleArn=role, RoleSessionName="me")
        keys = assumed["Credentials"]
        self._session = aws_sessions.session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], REGION
        )
        self._url = server.url
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            quiet = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
            self._clients[service] = self._session.client(
                service, endpoint_url=self._url, config=quiet
            )
        return self._clients[service]
