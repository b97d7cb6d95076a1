"""The audit logs of the services as commands read them: pages over HTTP, merged, or as the lines of an export."""

import json
from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from services.cli.api_client import APIClient
from services.compliance.ledger.verification import AUDIT_FORMAT
from shared.errors import ConfigurationFault

AUDITED: Final = ("compliance", "connectors", "console", "ingest", "metrics", "scheduler", "sender")
"""The services through which somebody acts."""
_PAGE: Final = 200


def newest(client: APIClient, merchant: str, most: int, **asked: str | None) -> list[dict[str, Any]]:
    """Return the newest entries of all services, the newest first."""
    logs = (_entries(client, merchant, service, min(most, _PAGE), asked) for service in AUDITED)
    return [*islice(merge(*logs, key=lambda entry: str(entry["id"]), reverse=True), most)]


def _entries(
    client: APIClient, merchant: str, service: str, limit: int, asked: dict[str, str | None]
) -> Iterator[dict[str, Any]]:
    given: dict[str, Any] = {"limit": limit, **{name: value for name, value in asked.items() if value is not None}}
    while True:
        page = _page(client, merchant, f"/v1/audit/{service}", given)
        yield from page["entries"]
        if page["next_cursor"] is None:
            return
        given["cursor"] = page["next_cursor"]


def lines(client: APIClient, merchant: str, named: str, now: str, **asked: str | None) -> Iterator[str]:
    """Return the audit logs of a merchant as lines that anybody can verify (docs/how-to/audit.md).

    Args:
        client: of the application.
        merchant: in whose name to ask.
        named: as the entries name the merchant.
        now: when this was exported.
        asked: further parameters of each request.
    """
    counts = {"service": 0, "day": 0, "entry": 0, "root": 0}
    given = {name: value for name, value in asked.items() if value is not None}
    yield _line("header", {"format": AUDIT_FORMAT, "merchant": named, "exported_at": now})
    for service in AUDITED:
        for kind, content in _parts(client, merchant, service, given):
            counts[kind] += 1
            yield _line(kind, content)
    yield _line("end", counts)


def _line(kind: str, content: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, **content}, ensure_ascii=False, separators=(",", ":"))


def _parts(
    client: APIClient, merchant: str, service: str, given: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return one service's days, each with its entries and its root; of days of long ago only the root is kept."""
    path, asked = f"/v1/audit/{service}/days", {"limit": _PAGE, **given}
    page = _page(client, merchant, path, asked)
    yield "service", {"service": service, "kept_since": page["kept_since"]}
    while True:
        for day in page["days"]:
            yield "day", {name: day[name] for name in ("day", "entries", "head")}
            if day["day"] >= page["kept_since"]:
                for link in _chain(client, merchant, f"{path}/{day['day']}", day["entries"], given):
                    yield "entry", link
            if day["root"] is not None:
                yield "root", {name: day[name] for name in ("previous", "root", "public_key", "signature")}
        if page["next_cursor"] is None:
            return
        page = _page(client, merchant, path, {**asked, "cursor": page["next_cursor"]})


def _chain(
    client: APIClient, merchant: str, path: str, entries: int, given: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Return the first so many entries of a day; what was added since the day was read is left out."""
    start: int | None = 0
    while start is not None and start < entries:
        page = _page(client, merchant, path, {"limit": min(_PAGE, entries - start), "start": start, **given})
        yield from page["links"]
        start = page["next_position"]


def _page(client: APIClient, merchant: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
    found = client.get(merchant, f"{path}?{urlencode(given)}")
    if found is None:
        raise ConfigurationFault(f"the application has no {path}: it is of an earlier version, or its ingress is")
    return found
