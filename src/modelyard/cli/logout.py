"""`modelyard logout`: the sign-in ends at the server, and its credentials go from the profile."""

import click

from modelyard.cli import aws_files, output, sign_in_client


@click.command("logout")
@click.option("--profile", default="modelyard", show_default=True, help="Name of the AWS profile")
def command(profile: str) -> None:
    """End the sign-in of `modelyard login` at once, and take its credentials out of the profile.

    \b
    Example:
      modelyard logout
    """
    config, credentials = aws_files.paths()
    held = aws_files.section(credentials, profile)
    if "aws_session_token" not in held:
        raise output.Stop(f"The profile {profile} in {credentials} holds no sign-in.")
    server = aws_files.section(config, aws_files.config_section(profile)).get("endpoint_url", "")
    ended = bool(server) and sign_in_client.end(
        server, held.get("aws_access_key_id", ""), held["aws_session_token"]
    )
    forgotten = (
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "x_security_token_expires",
    )
    aws_files.set_section(credentials, profile, dict.fromkeys(forgotten))
    if ended:
        click.echo(f"Signed out; the credentials of the profile {profile} are good no more.")
    else:
        click.echo(f"It had ended already; the profile {profile} holds no credentials any more.")
