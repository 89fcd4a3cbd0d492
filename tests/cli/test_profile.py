"""Commands that ask a server, in a shell that names a profile."""

from pathlib import Path

from tests.cli.conftest import Command
from tests.server_process import ServerProcess


def test_a_profile_speaks_for_itself_and_never_as_the_administrator(
    server: ServerProcess, modelyard: Command, tmp_path: Path
) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    files = _profile(tmp_path, server.url, key["AccessKeyId"], key["SecretAccessKey"])

    refused = modelyard("account", "list", MODELYARD_DATA=str(server.data), **files)

    assert refused.returncode == 1
    assert "user/ana is not authorized to perform: organizations:ListAccounts" in refused.stderr


def test_a_profile_that_does_not_say_enough_is_told_so(modelyard: Command, tmp_path: Path) -> None:
    files = _profile(tmp_path, "", "AKIAEXAMPLE", "secret")

    nowhere = modelyard("account", "list", **files)
    nobody = modelyard("account", "list", **{**files, "AWS_PROFILE": "bo"})

    assert nowhere.returncode == nobody.returncode == 1
    assert "that profile has no endpoint_url" in nowhere.stderr
    assert "bo" in nobody.stderr
    assert "could not be found" in nobody.stderr


def _profile(folder: Path, url: str, key: str, secret: str) -> dict[str, str]:
    config = folder / "aws-config"
    where = f"endpoint_url = {url}\n" if url else ""
    config.write_text(
        f"[profile ana]\n{where}aws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    return {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "ana"}
