"""Let the resource classes of the SageMaker Python SDK 3.x read every answer of the registry and
of hosting. They validate strictly: a structure that says nothing, or a required member that is not
there, ends in an exception.
"""

import json
import sys

from botocore.exceptions import ClientError
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
    Tag,
)
from sagemaker.core.shapes import DesiredWeightAndCapacity

given = json.load(sys.stdin)
group = ModelPackageGroup.get("churn")
packages = [ModelPackage.get(arn) for arn in given["packages"]]
packages[0].update(
    model_approval_status="Approved", approval_description="Two\nlines", client_token="once"
)
packages[0].refresh()
endpoint = Endpoint.get("live")
refusal = ""
try:
    endpoint.update_weights_and_capacities(
        desired_weights_and_capacities=[
            DesiredWeightAndCapacity(variant_name="AllTraffic", desired_weight=2.0)
        ]
    )
except ClientError as error:
    refusal = str(error)
told = {
    "group": group.created_by.iam_identity.arn,
    "groups": [one.model_package_group_name for one in ModelPackageGroup.get_all()],
    "approved": [packages[0].model_approval_status, packages[0].approval_description],
    "in group": [
        one.model_package_arn for one in ModelPackage.get_all(model_package_group_name="churn")
    ],
    "of both types": len(list(ModelPackage.get_all(model_package_type="Both"))),
    "models": sorted(one.model_name for one in Model.get_all()),
    "isolated": [Model.get(name).enable_network_isolation for name in ("churn", "remote")],
    "config": EndpointConfig.get("churn").production_variants[0].initial_variant_weight,
    "configs": [one.endpoint_config_name for one in EndpointConfig.get_all()],
    "endpoint": [endpoint.endpoint_status, endpoint.endpoint_config_name],
    "endpoints": [one.endpoint_name for one in Endpoint.get_all()],
    "refusal": refusal,
    "tags": [[tag.key, tag.value] for tag in Tag.get_all(resource_arn=given["group"])],
}
print("\n" + json.dumps(told))
