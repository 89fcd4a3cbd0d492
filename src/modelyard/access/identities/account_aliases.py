"""The one other name of an account: CreateAccountAlias, DeleteAccountAlias, ListAccountAliases."""

from modelyard import call as calls
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import EntityAlreadyExists, NoSuchEntity
from modelyard.call import Call, Document
from modelyard.storage import access_changes


@calls.write
async def create_account_alias(call: Call, request: Document) -> Document:
    """In the place of the one there is. Raises: EntityAlreadyExists: another account's."""
    await access_changes.bump(call.tx)
    alias = request["AccountAlias"]
    row = await call.tx.one("SELECT account FROM account_alias WHERE alias = ?", alias)
    if row is not None and row[0] != call.account:
        raise EntityAlreadyExists(f"The account alias {alias} already exists.")
    before = await call.tx.one("SELECT alias FROM account_alias WHERE account = ?", call.account)
    await call.tx.run("DELETE FROM account_alias WHERE account = ?", call.account)
    await call.tx.run(
        "INSERT INTO account_alias (alias, account) VALUES (?, ?)", alias, call.account
    )
    aliases = [] if before is None else [str(before[0])]
    call.changed(_root(call), {"AccountAliases": aliases}, {"AccountAliases": [alias]})
    return {}


@calls.write
async def delete_account_alias(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    await access_changes.bump(call.tx)
    alias = request["AccountAlias"]
    deleted = await call.tx.run(
        "DELETE FROM account_alias WHERE account = ? AND alias = ?", call.account, alias
    )
    if not deleted:
        raise NoSuchEntity(f"The account alias {alias} cannot be found.")
    call.changed(_root(call), {"AccountAliases": [alias]}, {"AccountAliases": []})
    return {}


@calls.read
async def list_account_aliases(call: Call, request: Document) -> Document:
    rows = await call.tx.all("SELECT alias FROM account_alias WHERE account = ?", call.account)
    listing = Listing(call, request)
    page, last = listing.cut([str(row[0]) for row in rows], lambda alias: alias)
    return listing.answer({"AccountAliases": page}, last)


def _root(call: Call) -> str:
    """The ARN by which the audit trail knows an account."""
    return f"arn:aws:iam::{call.account}:root"
