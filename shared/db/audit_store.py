"""Rows of an audit log, alike in each service that has one: entries chained by merchant and UTC day, and their days.

Who appends to a day holds the row of the day until the commit. That lock is the last one its unit takes
(`UnitOfWork.write_last`), so who holds it waits for nothing more, and no circle of waiting can go through it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import orjson
import sqlalchemy as sa

from shared.audit import AuditEntry
from shared.chain import GENESIS, chained, daily_root
from shared.db.sweep import Sweep
from shared.db.table_bounds import TableBound, kept_forever, swept_after
from shared.db.transaction import Row, Transaction
from shared.db.types import Id, Instant
from shared.ids import MerchantId, RecipientId, first_id
from shared.settings import AuditSettings, CommonSettings
from shared.signing import SigningKey

SIGNED_OF: Final = "audit"
"""What its roots are signed as; the ledger's are of another kind, and neither passes for the other."""
_DAYS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class AuditTables:
    """The audit log of one service."""

    service: str
    entries: sa.Table
    """Append-only; `canonical` is what is hashed, `hash` follows the one before of the merchant's day, `reason` is
    sealed."""
    days: sa.Table
    """One row for each merchant and UTC day with entries: how many, and their newest hash; signed once it is over."""


def audit_tables_of(metadata: sa.MetaData, service: str) -> AuditTables:
    """Return a service's audit log, as part of its metadata."""
    return AuditTables(
        service,
        sa.Table(
            f"{service}_audit",
            metadata,
            sa.Column("id", Id, primary_key=True),
            sa.Column("merchant_id", sa.Text, nullable=False),
            sa.Column("day", sa.Text, nullable=False),
            sa.Column("position", sa.BigInteger, nullable=False),
            sa.Column("recipient_id", Id, index=True),
            sa.Column("canonical", sa.LargeBinary, nullable=False),
            sa.Column("hash", sa.Text, nullable=False),
            sa.Column("reason", sa.LargeBinary),
            sa.UniqueConstraint("merchant_id", "day", "position"),
            sa.Index(f"ix_{service}_audit_newest", "merchant_id", "id"),
        ),
        sa.Table(
            f"{service}_audit_days",
            metadata,
            sa.Column("merchant_id", sa.Text, primary_key=True),
            sa.Column("day", sa.Text, primary_key=True),
            sa.Column("entries", sa.BigInteger, nullable=False),
            sa.Column("head", sa.Text, nullable=False, server_default=GENESIS),
            sa.Column("previous", sa.Text),
            sa.Column("root", sa.Text),
            sa.Column("public_key", sa.Text),
            sa.Column("signature", sa.Text),
            sa.Column("signed_at", Instant),
            sa.Index(f"ix_{service}_audit_days_unsigned", "signed_at", "day"),
        ),
    )


def audit_bounds_of(tables: AuditTables) -> tuple[TableBound, ...]:
    """Return what bounds the tables of an audit log."""
    return (
        swept_after(tables.entries, "an action of somebody", "FOLLOWUP_AUDIT_DAYS; its reason CONTENT_DAYS"),
        kept_forever(tables.days.name, "a merchant and day on which somebody acted", "each root signs the one before"),
    )


def kept_since(now: datetime) -> datetime:
    """Return the midnight before which entries are no longer kept: days go as a whole."""
    return (now - timedelta(days=AuditSettings().days)).replace(hour=0, minute=0, second=0, microsecond=0)


def audit_sweeps(tables: AuditTables, now: datetime) -> tuple[Sweep, ...]:
    """Return what is deleted or blanked now; the days and their roots stay, so the rest can be verified."""
    entries = tables.entries.c
    blanked = first_id(now - CommonSettings().content_kept)
    return (
        Sweep(entries.id, blanked, entries.reason.is_not(None), blank={"reason": None}),
        Sweep(entries.id, first_id(kept_since(now))),
    )


async def append(db: Transaction, tables: AuditTables, made: Sequence[tuple[AuditEntry, bytes | None]]) -> None:
    """Add entries, each with its sealed reason, to the chains of their merchants' days, in the given order."""
    in_order = sorted(made, key=lambda each: (each[0].merchant_id, each[0].day))
    for (merchant, day), group in groupby(in_order, key=lambda each: (each[0].merchant_id, each[0].day)):
        added = list(group)
        key = {"merchant_id": merchant, "day": day}
        await db.upsert(tables.days, [{**key, "entries": len(added)}], add=["entries"])  # and holds its row from here
        (before,) = await db.fetch_keys(tables.days, [key])
        position, head = before["entries"] - len(added), before["head"]
        rows: list[dict[str, Any]] = []
        for number, (entry, reason) in enumerate(added, start=position):
            canonical = entry.canonical()
            head = chained(head, canonical)
            own = {"id": entry.id, "recipient_id": entry.recipient_id, "position": number}
            rows.append({**key, **own, "canonical": canonical, "hash": head, "reason": reason})
        await db.insert(tables.entries, rows)
        await db.change(tables.days, [{**key, "head": head}])


async def newest(
    db: Transaction,
    tables: AuditTables,
    merchant: MerchantId,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[Row]:
    """Return a merchant's entries of a period, the newest first."""
    entries = tables.entries.c
    wanted = sa.select(tables.entries).where(entries.merchant_id == merchant)
    ends = [first_id(until)] if until is not None else []
    if ends or before is not None:
        wanted = wanted.where(entries.id < min([*ends, *([] if before is None else [before])]))
    if since is not None:
        wanted = wanted.where(entries.id >= first_id(since))
    return await db.rows(wanted.order_by(entries.id.desc()).limit(limit))


async def days_of(
    db: Transaction, tables: AuditTables, merchant: MerchantId, *, after: str | None, limit: int
) -> list[Row]:
    """Return a merchant's days, the oldest first."""
    wanted = sa.select(tables.days).where(tables.days.c.merchant_id == merchant)
    if after is not None:
        wanted = wanted.where(tables.days.c.day > after)
    return await db.rows(wanted.order_by(tables.days.c.day).limit(limit))


async def chain_of(
    db: Transaction, tables: AuditTables, merchant: MerchantId, day: str, *, start: int, limit: int
) -> list[Row]:
    """Return the entries of a merchant's day from a position on, in the order in which they are chained."""
    entries = tables.entries.c
    wanted = sa.select(tables.entries).where(
        entries.merchant_id == merchant, entries.day == day, entries.position >= start
    )
    return await db.rows(wanted.order_by(entries.position).limit(limit))


async def unsigned_days(db: Transaction, tables: AuditTables, finished: str) -> list[Row]:
    """Return the first days up to `finished` that have no root yet, the oldest first."""
    days = tables.days.c
    wanted = sa.select(tables.days).where(days.signed_at.is_(None), days.day <= finished)
    return await db.rows(wanted.order_by(days.signed_at, days.day, days.merchant_id).limit(_DAYS_AT_ONCE))


async def sign(db: Transaction, tables: AuditTables, unsigned: Iterable[Row], key: SigningKey, now: datetime) -> None:
    """Give days their roots, in the given order; a day that has one meanwhile keeps it."""
    days = tables.days.c
    for row in unsigned:
        its = days.merchant_id == row["merchant_id"]
        last = sa.select(days.root).where(its, days.day < row["day"], days.root.is_not(None))
        found = await db.rows(last.order_by(days.day.desc()).limit(1))
        previous = str(found[0]["root"]) if found else GENESIS
        root = daily_root(row["merchant_id"], row["day"], previous, {tables.service: row["head"]})
        signed = {"previous": previous, "root": root, "public_key": key.public_key, "signed_at": now}
        await db.execute(
            sa.update(tables.days)
            .where(its, days.day == row["day"], days.signed_at.is_(None))
            .values(**signed, signature=key.signature(root, SIGNED_OF))
        )


async def about_person(db: Transaction, tables: AuditTables, recipient: RecipientId) -> list[Row]:
    """Return the entries about a person, readable: what is hashed holds no identity."""
    rows = await db.fetch(tables.entries, "recipient_id", [recipient])
    return [{**row, "canonical": orjson.loads(bytes(row["canonical"]))} for row in rows]


async def blank_person(db: Transaction, tables: AuditTables, recipient: RecipientId) -> dict[str, int]:
    """Erase the reasons in the entries about a person; the chains hold. Return how many it were, by table."""
    entries = tables.entries.c
    blanked = sa.update(tables.entries).where(entries.recipient_id == recipient, entries.reason.is_not(None))
    return {tables.entries.name: await db.execute(blanked.values(reason=None))}


async def blank_reasons(db: Transaction, tables: AuditTables, merchant: MerchantId) -> Mapping[str, int]:
    """Erase every reason that was given at a merchant. Return how many it were, by table. Rare; reads all its rows."""
    entries = tables.entries.c
    blanked = sa.update(tables.entries).where(entries.merchant_id == merchant, entries.reason.is_not(None))
    return {tables.entries.name: await db.execute(blanked.values(reason=None))}
