"""Everything that can be searched, behind the one door, in this process."""

from typing import Any

from modelyard import dispatch
from modelyard.audit.trail import Trail
from modelyard.call import Document
from modelyard.contract import model
from modelyard.contract.page_tokens import PageTokens
from modelyard.experiments import (
    experiments,
    metric_summaries,
    trial_component_associations,
    trial_components,
    trials,
)
from modelyard.hosting import endpoints, models
from modelyard.registry import model_package_groups, model_package_metrics, model_packages, tags
from modelyard.search.search import Searches
from modelyard.storage.database import Database
from tests import administrators
from tests.experiments.in_process import Experiments
from tests.registry.in_process import specification

MEMBERS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}


class Searched(Experiments):
    """Experiments, and the registry and hosting beside them."""

    def __init__(self, opened: Database) -> None:
        super().__init__(opened)
        providers = (
            *(experiments, trials, trial_components, trial_component_associations),
            *(model_package_groups, model_packages, tags, models),
            Searches(endpoints.describe_endpoint, metric_summaries.of),
        )
        self.dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            {
                "sagemaker": dispatch.collect(model.load("sagemaker"), *providers),
                "modelyard": dispatch.collect(model.load("modelyard"), model_package_metrics),
            },
            Trail(b"seal of a test"),
            administrators.authoriser(opened),
        )

    async def group(self, name: str, **members: Any) -> None:
        await self("CreateModelPackageGroup", ModelPackageGroupName=name, **members)

    async def package(self, group: str, **members: Any) -> str:
        """A version; without a group an unversioned package, which `members` name."""
        if group:
            members["ModelPackageGroupName"] = group
        members.setdefault("InferenceSpecification", specification())
        return str((await self("CreateModelPackage", **members))["ModelPackageArn"])

    async def found(self, resource: str, **request: Any) -> list[str]:
        """The ARNs of what a search finds, in order."""
        member = MEMBERS.get(resource, resource)
        records, _ = await self.search(resource, **request)
        inner = [one.get("Model", one) for one in records]
        return [one[f"{member}Arn"] for one in inner]

    async def search(self, resource: str, **request: Any) -> tuple[list[Document], Document]:
        """All records that a search finds, page by page, and TotalHits."""
        member = MEMBERS.get(resource, resource)
        found: list[Document] = []
        while True:
            page = await self("Search", Resource=resource, **request)
            found += [one[member] for one in page["Results"]]
            if "NextToken" not in page:
                return found, page["TotalHits"]
            request["NextToken"] = page["NextToken"]
