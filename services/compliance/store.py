"""The ledger, standings, erasures and closed shops in the database, as domain values."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import compress
from typing import Any, Literal, NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.compliance.ledger.entries import LedgerEntry
from services.compliance.ledger.standing import Standing, standing_as_bytes, standing_of
from services.compliance.tables import closed_merchants, erasures, ledger, standings, system_tables
from shared.chain import GENESIS
from shared.db.transaction import Lock, Row, Transaction
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.ids import EventId, MerchantId, RecipientId
from shared.unix_time import instant

_REVIVERS: Mapping[str, Callable[[Any], Any]] = {
    "act": ConsentAct,
    "scope": ConsentScope,
    "level": ConsentLevel,
    "cause": SuppressionCause,
    "entry_id": UUID,
    "recipient_id": UUID,
    **dict.fromkeys(("recorded_at", "captured_at", "expires_at", "inquiry_at"), instant),
}
"""How the ledger's JSON values are converted, by field; all others stay as they are."""
_ENTRY_FIELDS = tuple(each.name for each in fields(LedgerEntry))
_NOTHING = Standing()
_NOTHING_AS_BYTES = standing_as_bytes(_NOTHING)
_OF_A_PERSON = (
    "recipient_id",
    "merchant_id",
    "standing",
    "chain_hash",
    "review_since",
    "texted_at",
    "wrote_at",
    "replied_at",
)


class RecipientState(NamedTuple):
    """What compliance keeps of one person besides the entries themselves."""

    merchant_id: MerchantId
    standing: Standing = _NOTHING
    chain_hash: str = GENESIS
    review_since: datetime | None = None
    """When they sent an ambiguous reply; None once it is decided."""
    texted_at: datetime | None = None
    """When they were first texted."""
    wrote_at: datetime | None = None
    """When they first wrote without having been texted."""
    replied_at: datetime | None = None
    """When they last wrote something that was no opt-out."""


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """One entry in its place in the person's chain."""

    entry: LedgerEntry
    position: int
    canonical: bytes
    hash: str
    evidence: bytes | None


async def people(
    db: Transaction, recipients: Sequence[RecipientId], *, lock: bool = False
) -> dict[RecipientId, RecipientState]:
    """Return the people that have a row; `lock` locks the rows until the commit."""
    held: Lock | None = "update" if lock else None
    rows = await db.fetch(standings, "recipient_id", recipients, lock=held, columns=_OF_A_PERSON)
    return {RecipientId(row["recipient_id"]): _person(row) for row in rows}


async def lock_people(
    db: Transaction, merchants: Mapping[RecipientId, MerchantId], now: datetime
) -> dict[RecipientId, RecipientState]:
    """Return these people, locked until the commit; those without a row get an empty one.

    Rows are added before any is locked, both in order (the transaction sorts them), so that two units never deadlock.
    On SQLite one unit writes at a time, so that reading locks. Rows that this unit adds are not read again.
    """
    if db.dialect == "sqlite":
        held = await people(db, list(merchants))
        known: Collection[RecipientId] = held.keys()
    else:
        held = {}
        rows = await db.fetch(standings, "recipient_id", list(merchants), columns=("recipient_id",))
        known = {RecipientId(row["recipient_id"]) for row in rows}
    if len(known) < len(merchants):
        strangers = {each: RecipientState(merchants[each]) for each in merchants if each not in known}
        is_new = await db.insert_new(standings, [_row(each, person, now) for each, person in strangers.items()])
        held |= dict(compress(strangers.items(), is_new))
    if len(held) < len(merchants):
        held |= await people(db, [each for each in merchants if each not in held], lock=True)
    return held


async def save_people(db: Transaction, changed: Mapping[RecipientId, RecipientState], now: datetime) -> None:
    """Write the standings of locked people."""
    await db.upsert(standings, [_row(recipient, person, now) for recipient, person in changed.items()])


async def note(
    db: Transaction,
    what: Literal["texted_at", "wrote_at", "review_since", "replied_at"],
    times: Mapping[RecipientId, datetime | None],
) -> None:
    """Record one of the times a `RecipientState` holds, or that there is none; changes nothing else."""
    await db.change(standings, [{"recipient_id": key, what: at} for key, at in times.items()])


async def known_since(db: Transaction, recipients: Sequence[RecipientId]) -> dict[RecipientId, datetime]:
    """Return since when the ledger has held something of these people."""
    since: dict[RecipientId, datetime] = {}
    for row in await db.fetch(ledger, "recipient_id", recipients, columns=("recipient_id", "recorded_at")):
        key, at = row["recipient_id"], row["recorded_at"]
        since[key] = min(at, since.get(key, at))
    return since


async def entries(db: Transaction, recipients: Sequence[RecipientId]) -> dict[RecipientId, list[ChainedEntry]]:
    """Return every ledger entry of these people, oldest first."""
    found: dict[RecipientId, list[ChainedEntry]] = {}
    for row in sorted(await db.fetch(ledger, "recipient_id", recipients), key=lambda row: int(row["position"])):
        evidence = bytes(row["evidence"]) if row["evidence"] is not None else None
        canonical = bytes(row["canonical"])
        chained = ChainedEntry(_entry(canonical), row["position"], canonical, row["hash"], evidence)
        found.setdefault(RecipientId(row["recipient_id"]), []).append(chained)
    return found


async def known_entries(db: Transaction, ids: Sequence[EventId]) -> set[EventId]:
    """Return which of these claims the ledger holds."""
    return {EventId(row["entry_id"]) for row in await db.fetch(ledger, "entry_id", ids, columns=("entry_id",))}


async def append(db: Transaction, added: Iterable[ChainedEntry]) -> None:
    """Add entries at the end of their chains."""
    await db.insert(
        ledger,
        [
            {
                "entry_id": each.entry.entry_id,
                "recipient_id": each.entry.recipient_id,
                "merchant_id": each.entry.merchant_id,
                "position": each.position,
                "canonical": each.canonical,
                "hash": each.hash,
                "evidence": each.evidence,
                "recorded_at": each.entry.recorded_at,
            }
            for each in added
        ],
    )


async def mark_erased(db: Transaction, forgotten: Mapping[RecipientId, tuple[MerchantId, datetime]]) -> None:
    """Record that these people were erased, and when last."""
    before = await erased(db, list(forgotten))
    await db.upsert(
        erasures,
        [
            {"recipient_id": each, "merchant_id": merchant, "erased_at": max(at, before.get(each, at))}
            for each, (merchant, at) in forgotten.items()
        ],
    )


async def erased(db: Transaction, recipients: Sequence[RecipientId]) -> dict[RecipientId, datetime]:
    """Return which of these people were erased, and when last."""
    rows = await db.fetch(erasures, "recipient_id", recipients)
    return {RecipientId(row["recipient_id"]): row["erased_at"] for row in rows}


async def blank_evidence(db: Transaction, recipients: Sequence[RecipientId]) -> None:
    """Delete the sealed evidence of these people; its hashes stay, so their chains still verify."""
    columns = ("entry_id", "evidence")
    rows = await db.fetch(ledger, "recipient_id", recipients, columns=columns)
    sealed = [row["entry_id"] for row in rows if row["evidence"] is not None]
    await db.change(ledger, [{"entry_id": each, "evidence": None} for each in sealed])


async def evident_entries(db: Transaction, recipient: RecipientId) -> int:
    """Return how many of a person's entries have sealed evidence."""
    rows = await db.fetch(ledger, "recipient_id", [recipient], columns=("evidence",))
    return sum(1 for row in rows if row["evidence"] is not None)


async def blank_evidence_of_shop(db: Transaction, merchant: MerchantId) -> int:
    """Delete the sealed evidence of everybody at a shop; return how many entries had any."""
    evident = sa.and_(ledger.c.merchant_id == merchant, ledger.c.evidence.is_not(None))
    return await db.execute(sa.update(ledger).where(evident).values(evidence=None))


async def drop_parked_of_shop(db: Transaction, merchant: MerchantId) -> int:
    """Delete a shop's parked events; return how many there were."""
    parked = system_tables.parked
    return await db.execute(sa.delete(parked).where(parked.c.merchant_id == merchant))


async def close_merchant(db: Transaction, merchant: MerchantId, reason: str, at: datetime) -> None:
    """Record that a shop has closed; a repeat changes nothing."""
    await db.insert_new(closed_merchants, [{"merchant_id": merchant, "reason": reason, "closed_at": at}])


async def closed(db: Transaction, merchants: Sequence[MerchantId]) -> set[MerchantId]:
    """Return which of these shops have closed."""
    rows = await db.fetch(closed_merchants, "merchant_id", merchants, columns=("merchant_id",))
    return {MerchantId(row["merchant_id"]) for row in rows}


def _person(row: Row) -> RecipientState:
    return RecipientState(
        MerchantId(row["merchant_id"]),
        standing_of(bytes(row["standing"])),
        row["chain_hash"],
        row["review_since"],
        row["texted_at"],
        row["wrote_at"],
        row["replied_at"],
    )


def _row(recipient: RecipientId, person: RecipientState, now: datetime) -> dict[str, Any]:
    return {
        "recipient_id": recipient,
        "merchant_id": person.merchant_id,
        "epoch": person.standing.epoch,
        "standing": _NOTHING_AS_BYTES if person.standing is _NOTHING else standing_as_bytes(person.standing),
        "chain_hash": person.chain_hash,
        "review_since": person.review_since,
        "texted_at": person.texted_at,
        "wrote_at": person.wrote_at,
        "replied_at": person.replied_at,
        "changed_at": now,
    }


def _entry(canonical: bytes) -> LedgerEntry:
    """Return the entry whose canonical bytes these are."""
    plain = orjson.loads(canonical)
    plain = {name: plain.get(name) for name in _ENTRY_FIELDS}
    plain |= {name: revive(plain[name]) for name, revive in _REVIVERS.items() if plain[name] is not None}
    return LedgerEntry(**plain)
