"""boto3 sessions that share what they read of the services' descriptions.

A session of boto3's own reads and parses them again for each client: a tenth of a second of CPU,
and the tests make thousands.
"""

from functools import cache

import boto3
import botocore.session
from botocore.loaders import Loader

from modelyard.contract import model


def session(
    key_id: str | None, secret: str | None, token: str | None = None, region: str = "us-east-1"
) -> boto3.Session:
    """Signed with this key; with None as boto3 finds one. It knows our own service too."""
    reading = botocore.session.get_session()
    reading.register_component("data_loader", _descriptions())
    return boto3.Session(key_id, secret, token, region, botocore_session=reading)


@cache
def _descriptions() -> Loader:
    found: Loader = botocore.session.get_session().get_component("data_loader")
    found.search_paths.append(str(model._OWN_FOLDER))
    return found
