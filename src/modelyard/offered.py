"""Which operations are offered, and by what: the one list behind the server and the documentation.

Knows no database and no socket: what needs some is handed in by whoever has it.
"""

from collections.abc import Mapping

from modelyard import dispatch
from modelyard.access.accounts.organizations import Organizations
from modelyard.access.authorisation import access_explanation, subjects
from modelyard.access.identities import (
    account_aliases,
    account_details,
    account_summary,
    attachments,
    boundaries,
    groups,
    inline_policies,
    managed_policies,
    policy_versions,
    roles,
    simulate,
    tagging,
    users,
)
from modelyard.access.identities.access_keys import AccessKeys
from modelyard.access.identities.simulate import PrincipalSimulations
from modelyard.access.people import openid_providers, password_policy
from modelyard.access.people.login_profiles import LoginProfiles
from modelyard.access.people.web_identity import WebIdentity
from modelyard.access.policy import sharing
from modelyard.access.sessions.sts import SecurityTokenService
from modelyard.audit import cloudtrail
from modelyard.contract import model
from modelyard.experiments import (
    experiments,
    metric_summaries,
    trial_component_associations,
    trial_component_comparison,
    trial_components,
    trials,
)
from modelyard.experiments.metrics import Metrics
from modelyard.hosting import deployments, endpoint_configs, endpoints, models, rollback
from modelyard.hosting.invocations import InvocationDoor
from modelyard.lineage import actions, artifacts, associations, contexts, lineage_groups, query
from modelyard.monitoring import log_events
from modelyard.objects.door import ObjectDoor
from modelyard.registry import (
    decisions,
    model_package_groups,
    model_package_lists,
    model_package_metrics,
    model_packages,
    tags,
)
from modelyard.registry.model_package_comparison import Comparisons
from modelyard.registry.model_package_group_policies import ModelPackageGroupPolicies
from modelyard.search.search import Searches

Table = Mapping[str, Mapping[str, dispatch.Offered]]


def table(
    objects: ObjectDoor | type[ObjectDoor],
    invocations: InvocationDoor | type[InvocationDoor],
    tokens: SecurityTokenService | type[SecurityTokenService],
    access_keys: AccessKeys | type[AccessKeys],
    organizations: Organizations | type[Organizations],
    profiles: LoginProfiles | type[LoginProfiles],
    web_identity: WebIdentity | type[WebIdentity],
    comparisons: Comparisons | type[Comparisons],
    metrics: Metrics | type[Metrics],
) -> Table:
    """Every offered operation by service and name."""
    registry = (
        model_package_groups,
        ModelPackageGroupPolicies(sharing.read_group_policy),
        model_packages,
        model_package_lists,
        tags,
    )
    hosting = (models, endpoint_configs, endpoints)
    lineage = (artifacts, actions, contexts, associations, query, lineage_groups)
    runs = (experiments, trials, trial_components, trial_component_associations)
    searches = Searches(endpoints.describe_endpoint, metric_summaries.of)
    account = (account_aliases, account_details, account_summary)
    policies = (inline_policies, managed_policies, policy_versions, attachments, boundaries)
    simulations = (simulate, PrincipalSimulations(subjects.of_arn))
    people = (profiles, password_policy, openid_providers)
    providers: Mapping[str, tuple[object, ...]] = {
        "sagemaker": (*registry, *hosting, *lineage, *runs, searches),
        "sagemaker-runtime": (invocations,),
        "sagemaker-metrics": (metrics,),
        "modelyard": (
            decisions,
            model_package_metrics,
            comparisons,
            trial_component_comparison,
            deployments,
            rollback,
            access_explanation,
        ),
        "s3": (objects,),
        "iam": (
            *(users, groups, roles, access_keys, *policies),
            *(tagging, *account, *simulations, *people),
        ),
        "logs": (log_events,),
        "organizations": (organizations,),
        "cloudtrail": (cloudtrail,),
        "sts": (tokens, web_identity),
    }
    return {name: dispatch.collect(model.load(name), *some) for name, some in providers.items()}


def names() -> dict[str, list[str]]:
    """The names alone, in order, for those who only want to tell what there is."""
    listed = table(
        ObjectDoor,
        InvocationDoor,
        SecurityTokenService,
        AccessKeys,
        Organizations,
        LoginProfiles,
        WebIdentity,
        Comparisons,
        Metrics,
    )
    return {service: sorted(operations) for service, operations in listed.items()}
