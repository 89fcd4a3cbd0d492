"""The sign-in pages as HTML: no script, no style but our own sheet, everything escaped. Pure."""

import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import urlencode

STYLE = (Path(__file__).parent / "style.css").read_bytes()
STYLE_PATH = "/sign-in/style.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in, as a page shows it."""

    name: str
    arn: str
    account: str
    expires_us: int
    has_password: bool


def sign_in(
    *, token: str, account: str, user_name: str, next_path: str, openid: bool, problem: str
) -> str:
    query = f"?{urlencode({'next': next_path})}" if next_path else ""
    other = (
        '<p class="or">or</p>\n'
        f'<a class="button quiet" href="{escape(f"/sign-in/oidc{query}")}">'
        "Sign in with your organisation</a>"
        if openid
        else ""
    )
    return _page(
        "Sign in",
        f"""{_problem(problem)}
<form method="post" action="/sign-in">
{_hidden("token", token)}{_hidden("next", next_path)}
{_input("account", "Account", account, "off", 'inputmode="numeric" maxlength="12" required')}
{_input("user_name", "User name", user_name, "username", 'maxlength="64" required autofocus')}
{_password("password", "Password", "current-password")}
<button>Sign in</button>
</form>
{other}""",
    )


def signed_in(*, person: Person, token: str) -> str:
    change = (
        '<a class="button quiet" href="/sign-in/password">Change password</a>'
        if person.has_password
        else ""
    )
    return _page(
        f"Signed in as {person.name}",
        f"""{_who(person)}
<form method="post" action="/sign-in/out">
{_hidden("token", token)}
<button>Sign out</button>
</form>
{change}""",
    )


def change_password(*, token: str, next_path: str, must_change: bool, problem: str) -> str:
    why = "<p>Choose a new password before you go on.</p>" if must_change else ""
    return _page(
        "Change your password",
        f"""{_problem(problem)}{why}
<form method="post" action="/sign-in/password">
{_hidden("token", token)}{_hidden("next", next_path)}
{_password("old", "Current password", "current-password")}
{_password("new", "New password", "new-password")}
{_password("again", "New password, once more", "new-password")}
<p class="hint">You are signed out everywhere else.</p>
<button>Change password</button>
</form>""",
    )


def consent(*, person: Person, token: str, fields: dict[str, str]) -> str:
    hidden = "".join(_hidden(name, value) for name, value in fields.items())
    return _page(
        "Let the command line in?",
        f"""<p><code>modelyard login</code> on this machine asks for temporary credentials in your
name. Go on only if you have just started it.</p>
{_who(person)}
<form method="post" action="/sign-in/command">
{_hidden("token", token)}{hidden}
<button>Give it credentials</button>
</form>
<a class="button quiet" href="/sign-in/me">Do not</a>""",
    )


def going_on(path: str) -> str:
    """A page that leads to `path` by itself.

    After a provider's redirect a browser keeps a strict cookie back; from a page of ours it does
    not. So this page stands between the two.
    """
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(path)}">'
    body = f'<p>You are signed in.</p>\n<a class="button" href="{escape(path)}">Go on</a>'
    return _page("Signed in", body, refresh)


def message(title: str, text: str, *, retry: bool = True) -> str:
    again = '<a class="button quiet" href="/sign-in">To the sign-in page</a>' if retry else ""
    return _page(title, f"<p>{escape(text)}</p>\n{again}")


def _page(title: str, body: str, head: str = "") -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{head}<title>{escape(title)} - Modelyard</title>
<link rel="stylesheet" href="{STYLE_PATH}">
</head>
<body>
<main>
<p class="name">Modelyard</p>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def _who(person: Person) -> str:
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(person.expires_us // 1_000_000))
    return (
        f"<dl><dt>Who</dt><dd>{escape(person.arn)}</dd>\n"
        f"<dt>Account</dt><dd>{escape(person.account)}</dd>\n"
        f"<dt>Signed in until</dt><dd>{until} at the latest</dd></dl>"
    )


def _problem(text: str) -> str:
    return f'<p class="bad" role="alert">{escape(text)}</p>\n' if text else ""


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">\n' if value else ""


def _input(name: str, label: str, value: str, autocomplete: str, more: str) -> str:
    return (
        f'<label for="{name}">{escape(label)}</label>\n<input id="{name}" name="{name}"'
        f' value="{escape(value)}" autocomplete="{autocomplete}" spellcheck="false"'
        f' autocapitalize="none" {more}>'
    )


def _password(name: str, label: str, autocomplete: str) -> str:
    return (
        f'<label for="{name}">{escape(label)}</label>\n<input id="{name}" name="{name}"'
        f' type="password" autocomplete="{autocomplete}" maxlength="128" required>'
    )
