"""`modelyard reproduce GROUP/VERSION`: how a version was made, as a script that does it again."""

from dataclasses import asdict
from pathlib import Path

import click

from modelyard.cli import connection, origin_scripts, output
from modelyard.cli.origins import TRAINING_JOB, Tracing


@click.command("reproduce")
@click.argument("package", metavar="GROUP/VERSION")
@click.option(
    "--form",
    type=click.Choice(["python", "cli"]),
    default="python",
    show_default=True,
    help="A script with boto3 or the SageMaker SDK, or a command of the AWS CLI.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print what is known as JSON.")
def command(package: str, form: str, data: Path | None, json_wanted: bool) -> None:
    """Print how GROUP/VERSION was made: the job or run, its image, parameters, inputs and code.

    Goes back from the version through lineage to the trial component of the training job or run
    that made it. What is printed is a script: facts and what cannot be known are its comments.
    Nothing is started: the server runs no training jobs yet. The server is the one your shell's
    AWS_ENDPOINT_URL and keys, or its AWS_PROFILE, point at; without them, the one of the data
    folder, as root.

    \b
    Examples:
      modelyard reproduce churn/3
      modelyard reproduce churn/3 --form cli > again.sh
    """
    server = connection.by_shell_or_folder(data)
    with connection.telling(server):
        clients = [server.client(name) for name in ("sagemaker", "modelyard", "s3")]
        origin = Tracing(*clients).origin(package)
    if json_wanted:
        maker = origin.maker
        job = maker is not None and maker.kind == TRAINING_JOB
        output.as_json(
            {
                **asdict(origin),
                "unknown": list(origin_scripts.unknown(origin)),
                **({"request": origin_scripts.job_request(maker)} if job and maker else {}),
            }
        )
    elif form == "cli":
        click.echo(origin_scripts.command_line(origin), nl=False)
    else:
        click.echo(origin_scripts.python(origin), nl=False)
