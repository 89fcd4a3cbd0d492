"""What `modelyard login` and `modelyard logout` call: JSON in, JSON out, and no cookie.

In the words of AWS's CreateOAuth2Token, which gives a command credentials for a browser's consent.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from modelyard.access.people.attempts import TooManyAttempts
from modelyard.access.people.commands import BadCode, Issued, Redemption
from modelyard.access.people.password_sign_in import Attempt, MustChangePassword, SignInFailed
from modelyard.access.people.passwords import TooBusy
from modelyard.access.people.people import People
from modelyard.contract.http import HttpAnswer
from modelyard.server.sign_in import answers
from modelyard.server.sign_in.visits import NotHeard, Visit
from modelyard.settings import Settings

TOKEN, END = "/sign-in/token", "/sign-in/token/end"
PATHS = frozenset({TOKEN, END})
SECONDS_DEFAULT = 8 * 3600
_TEXT_MAX = 8192


class _Asked(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    grant_type: str
    account: str = ""
    user_name: str = ""
    password: str = ""
    code: str = ""
    code_verifier: str = ""
    redirect_uri: str = ""
    duration_seconds: int = SECONDS_DEFAULT


class _Ended(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    access_key_id: str
    session_token: str


def random() -> str:
    return secrets.token_urlsafe(32)


class TokenDoor:
    """Gives and ends the credentials of commands."""

    def __init__(self, people: People, settings: Settings) -> None:
        self._people = people
        self._settings = settings

    async def answer(self, visit: Visit, body: Callable[[], Awaitable[bytes]]) -> HttpAnswer:
        try:
            if visit.http.method != "POST":
                return _refusal(405, "INVALID_REQUEST", "This takes POST only.")
            visit.check_origin(required=False)
            kind = visit.http.headers.get("content-type", "")
            if kind.partition(";")[0].strip() != "application/json":
                return _refusal(415, "INVALID_REQUEST", "This takes application/json only.")
            raw = await body()
            if visit.path == END:
                return await self._end(visit, msgspec.json.decode(raw, type=_Ended))
            return await self._give(visit, msgspec.json.decode(raw, type=_Asked))
        except (msgspec.DecodeError, UnicodeError):
            return _refusal(400, "INVALID_REQUEST", "The body is not what this takes.")
        except NotHeard as problem:
            return _refusal(problem.status, "INVALID_REQUEST", problem.sentence)
        except SignInFailed as failed:
            return _refusal(403, "ACCESS_DENIED", str(failed))
        except BadCode:
            return _refusal(403, "AUTHCODE_EXPIRED", "The code is not good, or not any more.")
        except MustChangePassword:
            text = f"The password has to be changed first, at {visit.site}/sign-in."
            return _refusal(403, "USER_CREDENTIALS_CHANGED", text)
        except TooManyAttempts as problem:
            text = f"Too many attempts failed. Try again in {problem.seconds} seconds."
            more = [(b"retry-after", str(problem.seconds).encode())]
            return _refusal(429, "TOO_MANY_REQUESTS", text, more)
        except TooBusy:
            return _refusal(503, "TOO_MANY_REQUESTS", "Many people are signing in. Try again.")

    async def _give(self, visit: Visit, asked: _Asked) -> HttpAnswer:
        if asked.grant_type == "password":
            attempt = Attempt(
                account=asked.account or self._settings.account,
                user_name=asked.user_name,
                password=asked.password,
                origin=visit.origin,
            )
            issued = await self._people.commands.by_password(
                attempt.bounded(), asked.duration_seconds, visit.now_us
            )
        elif asked.grant_type == "authorization_code":
            shown = Redemption(
                code=asked.code[:_TEXT_MAX],
                verifier=asked.code_verifier[:_TEXT_MAX],
                redirect_uri=asked.redirect_uri,
            )
            issued = await self._people.commands.by_code(
                shown, asked.duration_seconds, visit.origin, visit.now_us
            )
        else:
            return _refusal(400, "INVALID_REQUEST", "grantType is password or authorization_code.")
        return answers.json(self._shown(issued, visit.now_us))

    async def _end(self, visit: Visit, ended: _Ended) -> HttpAnswer:
        held = await self._people.commands.end(
            ended.access_key_id, ended.session_token, visit.origin, visit.now_us
        )
        return answers.json({"ended": held})

    def _shown(self, issued: Issued, now_us: int) -> dict[str, Any]:
        credentials = issued.credentials
        seconds = issued.expires_us // 1_000_000
        return {
            "accessToken": {
                "accessKeyId": credentials["AccessKeyId"],
                "secretAccessKey": credentials["SecretAccessKey"],
                "sessionToken": credentials["SessionToken"],
            },
            "tokenType": "aws_sigv4",
            "expiresIn": (issued.expires_us - now_us) // 1_000_000,
            "expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
            "arn": issued.arn,
            "region": self._settings.region,
        }


def _refusal(status: int, error: str, text: str, more: Sequence[answers.Header] = ()) -> HttpAnswer:
    return answers.json({"error": error, "message": text}, status=status, more=more)
