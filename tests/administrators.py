"""For tests of what lies behind the door: every caller is an administrator of their account."""

from typing import cast

from modelyard.access.authorisation.authoriser import Authoriser
from modelyard.access.authorisation.directory import Directory
from modelyard.access.authorisation.freshness import Freshness
from modelyard.access.identities.key_uses import KeyUses
from modelyard.access.keys.credentials import Credentials
from modelyard.access.keys.key_cipher import KeyCipher
from modelyard.access.policy import principals
from modelyard.access.policy.evaluation import Subject
from modelyard.call import Principal
from modelyard.storage.database import Database


class _Administrators(Directory):
    async def subject(self, principal: Principal) -> Subject:
        return Subject(principal, is_root=True, names=principals.names(principal))


def authoriser(database: Database) -> Authoriser:
    """Resource policies are the database's; nobody needs a user or role to exist."""
    nobodys = cast(Credentials, None)  # no key is looked up behind the door
    cipher = KeyCipher(bytes(32))
    # Nobody else has the database: a change need not wait for other servers to hear of it.
    alone = Freshness(database, trust_seconds=0.0)
    return Authoriser(_Administrators(database, nobodys, cipher, alone, KeyUses()))
