"""The steps from a request to a caller, by the keys of one server."""

from modelyard.access.keys.credentials import Credentials
from modelyard.access.signing import authenticate
from modelyard.access.signing.authenticate import Pending
from modelyard.contract.http import HttpRequest


class Authenticator:
    """Knows the root key and sessions; keys of users are the database's, and tested with it."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def precheck(self, http: HttpRequest, now_us: int) -> Pending:
        signed = authenticate.claim(http)
        holder = self._credentials.holder(signed.access_key_id, signed.token, now_us)
        return authenticate.precheck(signed, http, holder, now_us)
