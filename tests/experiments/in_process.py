"""Experiments behind the one door, in this process."""

import copy
import itertools
from typing import Any

from modelyard import dispatch
from modelyard.audit.trail import Trail
from modelyard.call import Document, Principal
from modelyard.contract import model
from modelyard.contract.page_tokens import PageTokens
from modelyard.experiments import (
    experiments,
    metric_store,
    trial_component_associations,
    trial_component_comparison,
    trial_components,
    trials,
)
from modelyard.experiments.metric_store import Batch, Point
from modelyard.lineage import artifacts, associations
from modelyard.registry import tags
from modelyard.storage.database import Database
from tests import administrators
from tests.registry.in_process import ACCOUNT, REGION, START_US, check_shape, principal


class Experiments:
    """Operations by AWS's name, each answer checked against the operation's output shape."""

    def __init__(self, opened: Database) -> None:
        self.database = opened
        self.now_us = START_US
        self.principal: Principal = principal()
        self.region = REGION
        self._numbers = itertools.count(1)
        providers = (experiments, trials, trial_components, trial_component_associations)
        around = (artifacts, associations, tags)
        self.dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            {
                "sagemaker": dispatch.collect(model.load("sagemaker"), *providers, *around),
                "modelyard": dispatch.collect(model.load("modelyard"), trial_component_comparison),
            },
            Trail(b"seal of a test"),
            administrators.authoriser(opened),
        )

    async def __call__(self, operation: str, **request: Any) -> Document:
        """Ask SageMaker a millisecond after the call before."""
        return await self._ask("sagemaker", operation, request)

    async def own(self, operation: str, **request: Any) -> Document:
        return await self._ask("modelyard", operation, request)

    async def _ask(self, service: str, operation: str, request: Document) -> Document:
        self.now_us += 1000
        asked = dispatch.Asked(
            principal=self.principal,
            region=self.region,
            request_id=f"request-{next(self._numbers)}",
            now_us=self.now_us,
        )
        answer = await self.dispatch.invoke(asked, service, operation, copy.deepcopy(request))
        check_shape(service, operation, answer)
        return answer

    async def experiment(self, name: str, **members: Any) -> str:
        answer = await self("CreateExperiment", ExperimentName=name, **members)
        return str(answer["ExperimentArn"])

    async def trial(self, name: str, experiment: str, **members: Any) -> str:
        answer = await self("CreateTrial", TrialName=name, ExperimentName=experiment, **members)
        return str(answer["TrialArn"])

    async def component(self, name: str, *trials_: str, **members: Any) -> str:
        """A trial component, in these trials."""
        answer = await self("CreateTrialComponent", TrialComponentName=name, **members)
        for trial in trials_:
            await self("AssociateTrialComponent", TrialComponentName=name, TrialName=trial)
        return str(answer["TrialComponentArn"])

    async def names(self, word: str, **request: Any) -> list[str]:
        """The names in all pages of a list of experiments, trials or trial components."""
        found: list[str] = []
        while True:
            page = await self(f"List{word}s", **request)
            found += [summary[f"{word}Name"] for summary in page[f"{word}Summaries"]]
            if "NextToken" not in page:
                return found
            request["NextToken"] = page["NextToken"]


async def measure(yard: Experiments, name: str, metric: str, *values: float) -> None:
    points = [Point(metric, step, step, value) for step, value in enumerate(values)]
    batch = Batch(yard.principal.account, REGION, name, points)
    await yard.database.write(lambda tx: metric_store.put(tx, [batch]))


def arn(kind: str, name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sagemaker:{REGION}:{account}:{kind}/{name}"
