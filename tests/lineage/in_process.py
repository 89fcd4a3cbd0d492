"""Lineage behind the one door, in this process."""

import copy
import itertools
from typing import Any

from modelyard import dispatch
from modelyard import lineage_names as names
from modelyard.audit.trail import Trail
from modelyard.call import Document, Principal
from modelyard.contract import model
from modelyard.contract.page_tokens import PageTokens
from modelyard.experiments import experiments, trial_components
from modelyard.lineage import actions, artifacts, associations, contexts, lineage_groups, query
from modelyard.registry import tags
from modelyard.storage.database import Database
from tests import administrators
from tests.registry.in_process import ACCOUNT, REGION, START_US, check_shape, principal


class Lineage:
    """Operations by AWS's name, each answer checked against the operation's output shape."""

    def __init__(self, opened: Database) -> None:
        self.database = opened
        self.now_us = START_US
        self.principal: Principal = principal()
        self.region = REGION
        self._numbers = itertools.count(1)
        providers = (
            *(artifacts, actions, contexts, associations, query, lineage_groups, tags),
            *(experiments, trial_components),
        )
        self.dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            {"sagemaker": dispatch.collect(model.load("sagemaker"), *providers)},
            Trail(b"seal of a test"),
            administrators.authoriser(opened),
        )

    async def __call__(self, operation: str, **request: Any) -> Document:
        """Ask a millisecond after the call before."""
        self.now_us += 1000
        asked = dispatch.Asked(
            principal=self.principal,
            region=self.region,
            request_id=f"request-{next(self._numbers)}",
            now_us=self.now_us,
        )
        answer = await self.dispatch.invoke(asked, "sagemaker", operation, copy.deepcopy(request))
        check_shape("sagemaker", operation, answer)
        return answer

    async def artifact(self, uri: str, artifact_type: str = "Model", **members: Any) -> str:
        answer = await self(
            "CreateArtifact", Source={"SourceUri": uri}, ArtifactType=artifact_type, **members
        )
        return str(answer["ArtifactArn"])

    async def action(self, name: str, action_type: str = "ModelDeployment", **members: Any) -> str:
        members.setdefault("Source", {"SourceUri": f"of {name}"})
        answer = await self("CreateAction", ActionName=name, ActionType=action_type, **members)
        return str(answer["ActionArn"])

    async def context(self, name: str, context_type: str = "Endpoint", **members: Any) -> str:
        members.setdefault("Source", {"SourceUri": f"of {name}"})
        answer = await self("CreateContext", ContextName=name, ContextType=context_type, **members)
        return str(answer["ContextArn"])

    async def join(self, *arns: str, association_type: str = "ContributedTo") -> None:
        """Associate each with the one after it."""
        for source, destination in itertools.pairwise(arns):
            await self(
                "AddAssociation",
                SourceArn=source,
                DestinationArn=destination,
                AssociationType=association_type,
            )

    async def met(self, start: str, direction: str = "Both", **members: Any) -> list[str]:
        """The ARNs that QueryLineage answers, in its order."""
        answer = await self("QueryLineage", StartArns=[start], Direction=direction, **members)
        return [vertex["Arn"] for vertex in answer["Vertices"]]


def arn(kind: str, name: str, account: str = ACCOUNT) -> str:
    return names.named_arn(account, REGION, kind, name)
