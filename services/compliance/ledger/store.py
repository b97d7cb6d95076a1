"""Merchants' ledgers in the database: whole chains, read page by page, and the signed roots of their days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from services.compliance.tables import daily_roots, ledger, standings
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId
from shared.telemetry.logs import logger

Heads: TypeAlias = Mapping[tuple[date, str], Mapping[str, str]]
"""By day and merchant: the newest hash of each person with entries of that day, by recipient id."""

_FIRST_DAY = "2000-01-01"
_DAYS_LOOKED_AT = 1000
_ODD_SHOWN = 3
_DAYS_AT_ONCE = 7
_DAY = timedelta(days=1)
_PAGE_ROWS = 5_000
_SIGNED = ("day", "previous", "root", "people", "public_key", "signature")

log = logger(__name__)


class ChainLink(NamedTuple):
    """One entry as it is exported."""

    recipient_id: UUID
    position: int
    canonical: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class Root:
    """One merchant's day, before it is signed."""

    merchant: str
    day: date
    previous: str
    root: str
    people: int


async def merchants(db: Transaction) -> list[MerchantId]:
    """Return which merchants have a ledger, in order."""
    rows = await db.rows(
        sa.union(
            sa.select(ledger.c.merchant_id),
            sa.select(daily_roots.c.merchant_id),
            sa.select(standings.c.merchant_id).where(standings.c.epoch > 0),
        )
    )
    return sorted(MerchantId(row["merchant_id"]) for row in rows)


async def entries_of(db: Transaction, merchant: MerchantId) -> int:
    """Return how many entries a merchant's ledger has."""
    counted = sa.select(sa.func.count().label("entries")).select_from(ledger).where(ledger.c.merchant_id == merchant)
    return int((await db.rows(counted))[0]["entries"])


async def heads(db: Transaction, merchant: MerchantId) -> dict[str, str]:
    """Return the hash each person's chain must end with, by recipient id."""
    columns = (standings.c.recipient_id, standings.c.chain_hash)
    held = sa.select(*columns).where(standings.c.merchant_id == merchant, standings.c.epoch > 0)
    return {str(row["recipient_id"]): row["chain_hash"] for row in await db.rows(held)}


async def page_of(db: Transaction, merchant: MerchantId, last: ChainLink | None) -> list[ChainLink]:
    """Return the entries after `last`, a page of them, by person and position."""
    columns = (ledger.c.recipient_id, ledger.c.position, ledger.c.canonical, ledger.c.hash)
    asked = sa.select(*columns).where(ledger.c.merchant_id == merchant)
    if last is not None:
        same = sa.and_(ledger.c.recipient_id == last.recipient_id, ledger.c.position > last.position)
        asked = asked.where(sa.or_(ledger.c.recipient_id > last.recipient_id, same))
    rows = await db.rows(asked.order_by(ledger.c.recipient_id, ledger.c.position).limit(_PAGE_ROWS))
    return [ChainLink(row["recipient_id"], row["position"], bytes(row["canonical"]), row["hash"]) for row in rows]


async def signed_roots(db: Transaction, merchant: MerchantId) -> list[dict[str, object]]:
    """Return the signed roots of a merchant as they are exported, oldest first."""
    signed = sa.select(daily_roots).where(daily_roots.c.merchant_id == merchant).order_by(daily_roots.c.day)
    return [{name: row[name] for name in _SIGNED} for row in await db.rows(signed)]


async def save_roots(db: Transaction, signed: Sequence[tuple[Root, str]], public_key: str, now: datetime) -> None:
    """Keep roots with their signatures; a day that has a root keeps it."""
    await db.insert_new(
        daily_roots,
        [
            {
                "merchant_id": root.merchant,
                "day": root.day.isoformat(),
                "previous": root.previous,
                "root": root.root,
                "people": root.people,
                "public_key": public_key,
                "signature": signature,
                "signed_at": now,
            }
            for root, signature in signed
        ],
    )


async def newest_day(db: Transaction, finished: date) -> date | None:
    """Return the newest day with a root.

    Rows whose day is in the future or is not a date cannot be ours: they are logged and skipped.
    """
    is_ours = (daily_roots.c.day >= _FIRST_DAY, daily_roots.c.day <= finished.isoformat())
    odd = sa.select(daily_roots.c.merchant_id, daily_roots.c.day).where(sa.not_(sa.and_(*is_ours))).limit(_ODD_SHOWN)
    for row in await db.rows(odd):
        _log_unreadable(row)
    days = sa.select(daily_roots.c.merchant_id, daily_roots.c.day).where(*is_ours).order_by(daily_roots.c.day.desc())
    for row in await db.rows(days.limit(_DAYS_LOOKED_AT)):
        if (day := _day(row["day"])) is not None:
            return day
        _log_unreadable(row)
    return None


async def unsigned_heads(db: Transaction, newest: date | None, finished: date) -> Heads:
    """Return what the roots of the first week after `newest`, the last day with a root, must cover.

    Empty when every day up to `finished` has its root.
    """
    after = _midnight(newest + _DAY) if newest else datetime.min.replace(tzinfo=UTC)
    before = _midnight(finished + _DAY)
    first = sa.func.min(ledger.c.recorded_at, type_=ledger.c.recorded_at.type).label("first")
    found = await db.rows(sa.select(first).where(*_recorded(after, before)))
    if found[0]["first"] is None:
        return {}
    start = _midnight(found[0]["first"].date())
    columns = (ledger.c.merchant_id, ledger.c.recipient_id, ledger.c.hash, ledger.c.recorded_at)
    rows = await db.rows(
        sa.select(*columns)
        .where(*_recorded(start, min(before, start + _DAYS_AT_ONCE * _DAY)))
        .order_by(ledger.c.recipient_id, ledger.c.position)
    )
    heads: dict[tuple[date, str], dict[str, str]] = {}
    for row in rows:  # oldest first within a person
        key = (row["recorded_at"].date(), str(row["merchant_id"]))
        heads.setdefault(key, {})[str(row["recipient_id"])] = row["hash"]
    return heads


async def newest_roots(db: Transaction, until: date | None) -> dict[str, str]:
    """Return each merchant's newest root of a day up to `until`."""
    if until is None:
        return {}
    newest = sa.select(daily_roots.c.merchant_id, sa.func.max(daily_roots.c.day).label("day"))
    of_days = newest.where(daily_roots.c.day >= _FIRST_DAY, daily_roots.c.day <= until.isoformat())
    last = of_days.group_by(daily_roots.c.merchant_id).subquery()
    rows = await db.rows(
        sa.select(daily_roots.c.merchant_id, daily_roots.c.root).join(
            last, sa.and_(daily_roots.c.merchant_id == last.c.merchant_id, daily_roots.c.day == last.c.day)
        )
    )
    return {str(row["merchant_id"]): str(row["root"]) for row in rows}


def _day(written: str) -> date | None:
    """Return the day of a root, or None where it is not written as we write days."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    return day if day.isoformat() == written else None


def _log_unreadable(row: Row) -> None:
    log.error(
        "ledger_root_unreadable",
        merchant=str(row["merchant_id"]),
        day=str(row["day"]),
        effect="this root proves nothing; other days are signed",
        advice="`followup ledger verify` names what was changed; restore the row from a backup",
    )


def _recorded(start: datetime, end: datetime) -> Sequence[sa.ColumnElement[bool]]:
    return (ledger.c.recorded_at >= start, ledger.c.recorded_at < end)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
