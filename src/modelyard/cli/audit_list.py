"""`modelyard audit list`: what happened, newest first, as LookupEvents answers it."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output

_OUTCOMES = ("all", "done", "denied")
Event = dict[str, Any]


@click.command("list")
@click.option("--person", metavar="NAME|ARN", help="A user's or session's name, or its ARN.")
@click.option("--resource", metavar="NAME|ARN", help="What it was done to.")
@click.option("--since", metavar="TIME", help="2026-11-21, 2026-11-21T09:30, or 2h, 30m, 7d.")
@click.option("--until", metavar="TIME", help="As --since.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), default="all", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print CloudTrail's records as JSON.")
def command(
    person: str | None,
    resource: str | None,
    since: str | None,
    until: str | None,
    outcome: str,
    limit: int,
    data: Path | None,
    json_wanted: bool,
) -> None:
    """Show who changed what, and who was denied, newest first.

    Asks the server that your shell's AWS_ENDPOINT_URL and keys, or its AWS_PROFILE, point at;
    without them, the one of the data folder, as root. An account sees its own events.

    \b
    Examples:
      modelyard audit list --person ada --since 2h
      modelyard audit list --resource churn --outcome denied --json
    """
    from botocore.exceptions import BotoCoreError, ClientError

    request = _request(person, resource, since, until)
    server = connection.by_shell_or_folder(data)
    try:
        found = _events(server.client("cloudtrail"), request)
        matching = (one for one in found if _matches(one, person, outcome))
        events = list(itertools.islice(matching, limit))
    except ClientError as refusal:
        raise output.Stop(refusal.response["Error"]["Message"]) from None
    except BotoCoreError as problem:
        raise output.Unreachable(f"{server.url} could not be asked: {problem}") from None
    if json_wanted:
        output.as_json(events)
        return
    for event in events:
        click.echo(_line(event))
    if not events:
        click.echo("Nothing is recorded that fits.")


def _request(
    person: str | None, resource: str | None, since: str | None, until: str | None
) -> dict[str, Any]:
    """The server filters by one attribute; the rest is left to `_matches`."""
    request: dict[str, Any] = {}
    for member, given in (("StartTime", since), ("EndTime", until)):
        if given is not None:
            request[member] = _moment(given)
    if resource is not None:
        request["LookupAttributes"] = [_attribute("ResourceName", resource)]
    elif person is not None:
        request["LookupAttributes"] = [_attribute("Username", _user_name(person))]
    return request


def _attribute(key: str, value: str) -> dict[str, str]:
    return {"AttributeKey": key, "AttributeValue": value}


def _user_name(person: str) -> str:
    """The name in an ARN, as CloudTrail's Username has it."""
    if not person.startswith("arn:"):
        return person
    return person.rsplit("/", 1)[-1] if "/" in person else person.rsplit(":", 1)[-1]


def _moment(text: str) -> datetime:
    """A time of the clock (UTC unless it says otherwise), or how long ago."""
    units = {"m": 60, "h": 3600, "d": 86400}
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1] in units:
        seconds = int(text[:-1]) * units[text[-1]]
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() - seconds, UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{text} is no time: write 2026-11-21, 2026-11-21T09:30:00Z, or 30m, 2h, 7d."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _events(client: Any, request: dict[str, Any]) -> Iterator[Event]:
    for page in client.get_paginator("lookup_events").paginate(**request):
        for one in page["Events"]:
            yield json.loads(one["CloudTrailEvent"])


def _matches(event: Event, person: str | None, outcome: str) -> bool:
    arn = event["userIdentity"]["arn"]
    if person is not None and person != arn and person != _user_name(arn):
        return False
    return outcome == "all" or (outcome == "denied") == ("errorCode" in event)


def _line(event: Event) -> str:
    resources = [one["ARN"] for one in event["resources"]]
    what = f"  {resources[0]}" if resources else ""
    more = f" (and {len(resources) - 1} more)" if len(resources) > 1 else ""
    who, where = event["userIdentity"]["arn"], event["sourceIPAddress"]
    outcome = f"  {event['errorCode']}" if "errorCode" in event else ""
    lines = [f"{event['eventTime']}  {event['eventName']}{what}{more}{outcome}"]
    lines.append(f"    {who} from {where}, request {event['requestID']}")
    lines += [f"    {line}" for line in _changes(event)]
    return "\n".join(lines)


def _changes(event: Event) -> Iterator[str]:
    for change in event.get("additionalEventData", {}).get("changes", []):
        before, after = change["before"], change["after"]
        if before is None or after is None:
            continue
        for member in {**before, **after}:
            yield f"{member}: {_short(before.get(member))} -> {_short(after.get(member))}"


def _short(value: Any) -> str:
    text = "(none)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
