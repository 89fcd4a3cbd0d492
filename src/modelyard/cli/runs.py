"""`modelyard runs`: runs side by side, and the curves of their metrics."""

import click

from modelyard.cli import runs_compare, runs_plot


@click.group("runs")
def command() -> None:
    """Compare runs, and draw the curves of their metrics.

    RUN is EXPERIMENT/RUN, as the SageMaker SDK calls its runs, or the name or ARN of a trial
    component. An experiment's name stands for all of its runs. The server is the one your shell's
    AWS_ENDPOINT_URL and keys, or its AWS_PROFILE, point at; without them, the one of the data
    folder, as root.
    """


command.add_command(runs_compare.command)
command.add_command(runs_plot.command)
