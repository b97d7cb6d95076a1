"""API responses about requests: the certificate of an erasure, the copy of an export as JSON or CSV. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from services.compliance.privacy.store import Certificate, Request
from shared.vocabulary.service_names import EVENT_SERVICES

PATIENCE: Final = timedelta(seconds=60)
"""A request that a service has not answered after this time is late."""
_KEPT: Final = (
    "a keyed hash of the number on the list of numbers never to write to again",
    "the consent ledger without its evidence, so that its chain still verifies",
    "states, verdicts and cap slots without identity, the proof of what was sent and was not",
    "hashes that keep a repeated webhook or text from counting twice",
)
_FORMULA_STARTS: Final = ("=", "@", "\t", "\r")
"""A spreadsheet would read a cell that begins so as a formula; plus and minus are allowed before numbers."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What one service handed over: rows by table."""

    service: str
    handed_over_at: datetime
    tables: Mapping[str, Sequence[Mapping[str, Any]]]


def listed(request: Request) -> dict[str, Any]:
    """Return a request as lists show it."""
    return {
        "id": str(request.request_id),
        "recipient_id": str(request.recipient_id) if request.recipient_id.int else None,
        "source": request.source,
        "requested_at": request.requested_at.isoformat(),
    }


def certificate_answer(
    request: Request, certificates: Sequence[Certificate], now: datetime, *, ledger_verifies: bool
) -> dict[str, Any]:
    """Return what each service deleted, and when, and which have not answered yet."""
    return {
        **listed(request),
        **_progress(request, {each.service: each.erased_at for each in certificates}, now),
        "services": [
            {"service": each.service, "erased_at": each.erased_at.isoformat(), "rows": each.rows}
            for each in certificates
        ],
        "kept": list(_KEPT),
        "ledger_verifies": ledger_verifies,
    }


def copy_answer(request: Request, copies: Sequence[Copy], now: datetime) -> dict[str, Any]:
    """Return everything that was handed over, and which services have not answered yet."""
    return {
        **listed(request),
        **_progress(request, {each.service: each.handed_over_at for each in copies}, now),
        "services": {each.service: each.tables for each in copies},
    }


def _progress(request: Request, answered: Mapping[str, datetime], now: datetime) -> dict[str, Any]:
    missing = [service for service in EVENT_SERVICES if service not in answered]
    is_late = now >= request.requested_at + PATIENCE
    return {
        "state": ("late" if is_late else "under_way") if missing else "complete",
        "completed_at": None if missing else max(answered.values()).isoformat(),
        "missing": missing,
    }


def copy_table(copies: Sequence[Copy]) -> str:
    """Return the same as CSV: one line a value, with service, table, row, field."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("service", "table", "row", "field", "value"))
    for each in copies:
        for table, rows in each.tables.items():
            for number, row in enumerate(rows, start=1):
                for field, value in _flat(row):
                    writer.writerow((each.service, table, number, _plain(field), _plain(value)))
    return text.getvalue()


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value inside, with its path."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _flat(inner, f"{path}.{number}")
    elif value is not None:
        yield path, str(value)


def _plain(value: str) -> str:
    """Return a value that no spreadsheet reads as a formula."""
    is_formula = value.startswith(_FORMULA_STARTS) or (value[:1] in {"+", "-"} and not value[1:].strip().isdecimal())
    return f"'{value}" if is_formula and value not in {"+", "-"} else value
