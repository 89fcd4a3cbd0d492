"""Which trial components a person means: by run, by name, by ARN, or by their experiment."""

from collections.abc import Iterable
from typing import Any


def resolved(sagemaker: Any, texts: Iterable[str]) -> list[str]:
    """Names or ARNs of trial components, each once, in order; those of an experiment by name.

    Raises: ClientError: there is no such one.
    """
    found = [name for text in texts for name in _meant(sagemaker, text)]
    return list(dict.fromkeys(found))


def _meant(sagemaker: Any, text: str) -> list[str]:
    if text.startswith("arn:"):
        return [text]
    experiment, slash, run = text.partition("/")
    if slash:  # as the SDK names the trial component of a run
        return [f"{experiment}-{run}".lower()]
    try:
        pages = sagemaker.get_paginator("list_trial_components")
        listed = pages.paginate(ExperimentName=text, SortBy="Name", SortOrder="Ascending")
        return [
            one["TrialComponentName"] for page in listed for one in page["TrialComponentSummaries"]
        ]
    except sagemaker.exceptions.ResourceNotFound:
        return [text]
