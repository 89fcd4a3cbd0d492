"""`modelyard env`: the exports that point unmodified AWS clients at the server."""

import os
import shlex
import shutil
from pathlib import Path

import click

from modelyard.cli import connection, notebook_file, output


@click.command("env")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--no-proxy", is_flag=True, help="Leave out what reaches clients' hard-coded STS.")
@click.option(
    "--execution-role", metavar="ARN", help="Also write the file where the SDK looks for its role."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def command(
    data: Path | None, no_proxy: bool, execution_role: str | None, json_wanted: bool
) -> None:
    """Print what to export so that boto3, the AWS CLI and the SageMaker SDK use the server.

    Beside the address, region and key: AWS_DATA_PATH, so that boto3.client("modelyard") and
    `aws modelyard` work; and, for the SageMaker SDK, which asks a hard-coded STS host, a proxy of
    the server's own with its authority, and the SDK's telemetry off. The proxy passes every other
    host through. In such a shell AWS's own hosts are answered by the server; --no-proxy leaves the
    proxy out. For get_execution_role() without the proxy, --execution-role writes the ARN into
    /opt/ml/metadata/resource-metadata.json, where the SDK looks first.

    \b
    Example:
      eval "$(modelyard env)"
      aws sagemaker list-model-package-groups
    """
    server = connection.by_data_folder(data)
    if execution_role is not None:
        notebook_file.write(execution_role)
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": server.region,
        "AWS_DEFAULT_REGION": server.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DATA_PATH": _data_path(server),
        **_sdk(server, no_proxy),
    }
    if json_wanted:
        output.as_json(variables)
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    # A token of other credentials would be sent with this key and be refused.
    click.echo("unset AWS_SESSION_TOKEN AWS_PROFILE")


def _data_path(server: connection.Connection) -> str:
    """A folder where botocore finds our service's description, before what is there already."""
    folder = server.data / "aws-models"
    shutil.copytree(connection.SERVICE_FOLDER, folder, dirs_exist_ok=True)
    others = os.environ.get("AWS_DATA_PATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([str(folder), *filter(None, others)]))


def _sdk(server: connection.Connection, no_proxy: bool) -> dict[str, str]:
    from urllib.parse import urlsplit

    from modelyard.access.interception.client_environment import client_environment
    from modelyard.access.keys.private_files import UnsafeFile

    bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    try:
        found = client_environment(
            server.data,
            server.connect_password,
            urlsplit(server.url).hostname or "127.0.0.1",
            server.connect_port,
            no_proxy=os.environ.get("NO_PROXY", ""),
            further_bundles=[bundle] if bundle else [],
        )
    except UnsafeFile as problem:
        raise output.Stop(str(problem)) from None
    if no_proxy:
        return {k: v for k, v in found.items() if k == "SAGEMAKER_USER_CONFIG_OVERRIDE"}
    return found
