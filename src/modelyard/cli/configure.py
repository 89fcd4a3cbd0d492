"""`modelyard configure`: an AWS profile for the server, and our own service for AWS's clients."""

import shutil
from pathlib import Path

import click

from modelyard.cli import aws_files, connection, output


@click.command("configure")
@click.option("--profile", default="modelyard", show_default=True, help="Name of the AWS profile")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print what was written as JSON.")
def command(profile: str, data: Path | None, json_wanted: bool) -> None:
    """Write an AWS profile that points at the server.

    Adds the profile to ~/.aws/config and ~/.aws/credentials (or the files that AWS_CONFIG_FILE and
    AWS_SHARED_CREDENTIALS_FILE name) and leaves everything else in them as it is. Also puts the
    description of the `modelyard` service under ~/.aws/models, where boto3 and the AWS CLI look,
    so that `aws modelyard ...` and boto3.client("modelyard") work. Running it again brings both up
    to date.

    \b
    Example:
      modelyard configure
      aws --profile modelyard sagemaker list-model-package-groups
    """
    server = connection.by_data_folder(data)
    config, credentials = aws_files.paths()
    aws_files.set_section(
        config,
        aws_files.config_section(profile),
        {"region": server.region, "endpoint_url": server.url, "output": "json"},
    )
    aws_files.set_section(
        credentials,
        profile,
        {
            "aws_access_key_id": server.access_key_id,
            "aws_secret_access_key": server.secret_access_key,
            # of temporary credentials that were there before
            "aws_session_token": None,
            "x_security_token_expires": None,
        },
    )
    models = Path.home() / ".aws" / "models" / "modelyard"
    shutil.copytree(connection.SERVICE_FOLDER / "modelyard", models, dirs_exist_ok=True)
    if json_wanted:
        output.as_json(
            {"profile": profile, "config": config, "credentials": credentials, "models": models}
        )
        return
    click.echo(f"Profile {profile} is in {config} and {credentials}; {server.url} is its endpoint.")
    click.echo(f"The modelyard service is described in {models}.")
    click.echo(f"Try: aws --profile {profile} sagemaker list-model-package-groups")
