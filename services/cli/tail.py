"""`followup tail`: what happens in a shop, as sentences, while it happens."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import httpx2
import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from shared.config.model import parse_duration
from shared.errors import ConfigurationFault

_PAUSE_SECONDS: Final = 1.0
_LOOKS_BACK: Final = timedelta(seconds=30)
"""What is told late, such as a receipt, happened before what was seen already."""
_ROWS: Final = 500
_MOST_PAGES: Final = 8
"""Of one look: a shop in which more happens is followed with gaps, and told so."""
_REMEMBERED: Final = 20_000


class Followed:
    """Tells what is new of what is asked for again and again."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def fresh(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows that were not returned before, in the order in which they happened."""
        new = [row for row in rows if row["event_id"] not in self._seen]
        for row in new:
            self._seen[row["event_id"]] = None
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return sorted(new, key=lambda row: (row["occurred_at"], row["event_id"]))


def line(row: dict[str, Any]) -> str:
    """Return what happened as a line: when, to whom, where in which flow, and what."""
    at = datetime.fromisoformat(row["occurred_at"]).astimezone().strftime("%H:%M:%S")
    place = f"{row['flow']} › {row['step'] or 'text'}" if row["flow"] else row["service"]
    return plain(f"{at}  {row['recipient_id'][-6:]}  {place}: {row['summary']}")


def tail(
    merchant: Annotated[str, typer.Argument(help="The merchant.")],
    *,
    since: Annotated[str, typer.Option(help="How far back it begins: 10m, 1h, 2d.")] = "5m",
    flow: Annotated[str | None, typer.Option(help="Only this flow.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="End after what has happened so far.")] = False,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Follow what happens in a shop, as sentences; Ctrl-C ends it.

    Example: followup tail acme --since 1h --flow win-back
    """
    try:
        begin = datetime.now(UTC) - parse_duration(since)
    except ValueError as problem:
        raise ConfigurationFault(f"--since: {problem}") from None
    console, followed = Console(soft_wrap=True, highlight=False, markup=False), Followed()

    def tell(rows: Iterable[dict[str, Any]]) -> None:
        for row in followed.fresh(rows):
            if flow is None or row["flow"] == flow:
                console.print(json.dumps(row, ensure_ascii=False) if as_json else line(row))

    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        tell(_look(client, merchant, begin)[0])
        while not no_follow:
            looked_at = datetime.now(UTC)
            rows, trouble = _look_again(client, merchant, begin)
            tell(rows)
            if trouble:
                typer.echo(f"-- {trouble}", err=True)
            else:
                begin = max(begin, looked_at - _LOOKS_BACK)
            time.sleep(_PAUSE_SECONDS)


def _look_again(client: APIClient, merchant: str, begin: datetime) -> tuple[list[dict[str, Any]], str]:
    """Return what happened since an instant, and what is wrong; a process that is started anew is waited for."""
    try:
        rows, is_whole = _look(client, merchant, begin)
    except httpx2.TransportError:
        return [], "the application does not answer; it is asked again every second"
    except ConfigurationFault as refused:  # too many requests, a service that starts anew, a key that was replaced
        return [], f"{refused}; it is asked again every second"
    return rows, "" if is_whole else "more happened than can be followed; the console shows all of it"


def _look(client: APIClient, merchant: str, begin: datetime) -> tuple[list[dict[str, Any]], bool]:
    """Return what happened since an instant, and whether that is all."""
    found: list[dict[str, Any]] = []
    query = {"from": begin.isoformat(), "limit": str(_ROWS)}
    for _ in range(_MOST_PAGES):
        page = client.get(merchant, f"/v1/facts?{urlencode(query)}")
        if page is None:
            return found, True
        found += page["rows"]
        if page["next"] is None:
            return found, True
        query["cursor"] = page["next"]
    return found, False
