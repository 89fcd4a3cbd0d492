"""People who sign in: passwords, OpenID Connect providers, and what a browser or a command holds.

No password and no token is kept: passwords are argon2id, sessions and codes are kept by the SHA-256
of what the person's side holds. `user_id` is the unique id of a user, `role_id` that of a role.
"""

from modelyard.storage.migrations import ddl

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    # document: the hashes of earlier passwords, newest first
    """
    CREATE TABLE login_profile (
        account TEXT NOT NULL,
        user_id TEXT NOT NULL,
        hash TEXT NOT NULL,
        reset_required INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        changed_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, user_id)
    )
    """,
    """
    CREATE TABLE password_policy (
        account TEXT NOT NULL PRIMARY KEY,
        document TEXT NOT NULL
    )
    """,
    # name: the issuer's address without its scheme, which is the end of the provider's ARN
    """
    CREATE TABLE openid_provider (
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        url TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, name)
    )
    """,
    # idle_us: how long it may rest, 0 for as long as it lasts. provider and role_id are of those
    # who came through a provider, user_id of those who gave a password.
    """
    CREATE TABLE sign_in_session (
        id TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        user_id TEXT NOT NULL,
        role_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        session_name TEXT NOT NULL,
        kind TEXT NOT NULL,
        must_change INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        seen_us INTEGER NOT NULL,
        idle_us INTEGER NOT NULL,
        expires_us INTEGER NOT NULL
    )
    """,
    "CREATE INDEX sign_in_session_of_user ON sign_in_session (account, user_id)",
    "CREATE INDEX sign_in_session_by_end ON sign_in_session (expires_us)",
    # session: the id of the browser's session that asked for it
    """
    CREATE TABLE sign_in_code (
        id TEXT NOT NULL PRIMARY KEY,
        session TEXT NOT NULL,
        challenge TEXT NOT NULL,
        redirect_uri TEXT NOT NULL,
        expires_us INTEGER NOT NULL
    )
    """,
    # subject: a keyed digest of a name or an address, so that nothing typed by mistake is kept
    """
    CREATE TABLE sign_in_attempt (
        subject TEXT NOT NULL PRIMARY KEY,
        failures INTEGER NOT NULL,
        until_us INTEGER NOT NULL,
        last_us INTEGER NOT NULL
    )
    """,
    "CREATE INDEX sign_in_attempt_by_time ON sign_in_attempt (last_us)",
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
