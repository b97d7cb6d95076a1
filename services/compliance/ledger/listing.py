"""The ledger's entries, the newest first, for whoever asks what was consented to and withdrawn."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.compliance.ledger.listing_store import LedgerPlace, newest
from shared.db.transaction import Row
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.events.consent import ConsentAct
from shared.http.auth import Caller, requires
from shared.http.problems import unprocessable
from shared.http.strict_json import StrictRoute
from shared.unix_time import instant, microseconds

MOST_LISTED: Final = 100
MOST_LOOKED_AT: Final = 1_000
"""Entries that one request reads, whatever it asks for."""
_CURSOR_BYTES: Final = 24

_BEGIN: Final = LedgerPlace(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


class LedgerEntryView(BaseModel):
    """One entry, without what identifies the person."""

    entry_id: UUID
    recipient_id: UUID
    recorded_at: datetime
    captured_at: datetime | None = Field(description="When it happened, as its source says.")
    act: str
    scope: str
    level: str
    method: str
    source: str
    actor: str
    cause: str | None
    country: str | None
    state: str | None
    has_evidence: bool = Field(description="Sealed evidence is kept; false after an erasure.")


class LedgerPage(BaseModel):
    """The newest first; `next_cursor` goes on where this page's search ended."""

    entries: list[LedgerEntryView]
    next_cursor: str | None
    searched_to: datetime | None = Field(description="Of the oldest entry that was looked at.")


def create_router(units: UnitOfWorkRunner) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["consent"], route_class=StrictRoute)

    @router.get("/v1/consents", summary="List the consent ledger's entries, the newest first")
    async def listed(
        caller: Annotated[Caller, Depends(requires("consents:read"))],
        act: ConsentAct | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
    ) -> LedgerPage:
        """List entries, all or those of one act; a page looks at up to 1,000 of them and says how far it came."""
        before = _BEGIN if cursor is None else _place(cursor)
        most = limit + 1 if act is None else MOST_LOOKED_AT + 1
        rows = await units.read(lambda db: newest(db, caller.merchant.id, before, most))
        return _page(rows, most - 1, act, limit)

    return router


def _page(rows: list[Row], most: int, act: ConsentAct | None, limit: int) -> LedgerPage:
    """Return a page of what was read; one row more than `most` says that there is more."""
    entries: list[LedgerEntryView] = []
    looked_at = 0
    for row in rows[:most]:
        looked_at += 1
        kept = orjson.loads(bytes(row["canonical"]))
        if act is None or kept["act"] == act:
            entries.append(_entry(row, kept))
        if len(entries) == limit:
            break
    last = rows[looked_at - 1] if looked_at else None
    return LedgerPage(
        entries=entries,
        next_cursor=_cursor(last) if last is not None and len(rows) > looked_at else None,
        searched_to=last["recorded_at"] if last is not None else None,
    )


def _entry(row: Row, kept: dict[str, Any]) -> LedgerEntryView:
    names = ("act", "scope", "level", "method", "source", "actor", "cause", "country", "state")
    return LedgerEntryView(
        **{name: row[name] for name in ("entry_id", "recipient_id", "recorded_at")},
        **{name: kept[name] for name in names},
        captured_at=None if kept["captured_at"] is None else instant(kept["captured_at"]),
        has_evidence=bool(row["has_evidence"]),
    )


def _cursor(last: Row) -> str:
    place = microseconds(last["recorded_at"]).to_bytes(8, "big") + last["entry_id"].bytes
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def _place(cursor: str) -> LedgerPlace:
    """Return where the page of a cursor begins.

    Raises:
        HTTPProblem: 422, no such page was ever named.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if len(raw) == _CURSOR_BYTES:
            return LedgerPlace(instant(int.from_bytes(raw[:8], "big")), UUID(bytes=raw[8:]))
    except (ValueError, OverflowError, binascii.Error):
        pass
    raise unprocessable("cursor", "not a cursor that this list returned")
