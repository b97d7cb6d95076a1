"""The rows of compliance become domain values here, and nowhere else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.compliance.domain.inputs import Past, PastKind
from services.compliance.domain.ledger import GENESIS, LedgerEntry
from services.compliance.domain.records import DecisionRecord, record_of, standing_as_bytes, standing_of
from services.compliance.domain.standing import Standing
from services.compliance.tables import decisions, ledger, send_slots, standings
from shared.db.transaction import Row, Transaction
from shared.db.types import instant
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId

_ENUMS: Mapping[str, Any] = {
    "act": ConsentAct,
    "scope": ConsentScope,
    "level": ConsentLevel,
    "cause": SuppressionCause,
    "entry_id": UUID,
    "recipient_id": UUID,
}
_INSTANTS = frozenset({"recorded_at", "captured_at", "expires_at", "inquiry_at"})


@dataclass(frozen=True, slots=True)
class Person:
    """What compliance keeps of one person besides the entries themselves."""

    merchant_id: MerchantId
    standing: Standing = field(default_factory=Standing)
    chain_hash: str = GENESIS
    needs_review: bool = False
    texted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """One entry in its place in the person's chain."""

    entry: LedgerEntry
    position: int
    canonical: bytes
    hash: str
    evidence: bytes | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One stored verdict."""

    release: int
    decided_at: datetime
    record: DecisionRecord


async def people(
    db: Transaction, recipients: Sequence[RecipientId], *, lock: bool = False
) -> dict[RecipientId, Person]:
    """Return the people that have a row; `lock` holds them until the commit."""
    rows = await db.fetch(standings, "recipient_id", sorted(recipients), lock="update" if lock else None)
    return {RecipientId(row["recipient_id"]): _person(row) for row in rows}


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


async def save_people(db: Transaction, changed: Mapping[RecipientId, Person], now: datetime) -> None:
    """Write what people's ledgers add up to now."""
    await db.upsert(
        standings,
        [
            {
                "recipient_id": recipient,
                "merchant_id": person.merchant_id,
                "epoch": person.standing.epoch,
                "standing": standing_as_bytes(person.standing),
                "chain_hash": person.chain_hash,
                "needs_review": person.needs_review,
                "texted_at": person.texted_at,
                "changed_at": now,
            }
            for recipient, person in sorted(changed.items())
        ],
    )


async def histories(
    db: Transaction, recipients: Sequence[RecipientId], now: datetime, days: int
) -> dict[RecipientId, list[tuple[FollowUpId, Past]]]:
    """Return the texts these people were sent or are promised, with the follow-up each belongs to."""
    since = now - timedelta(days=days)
    found: dict[RecipientId, list[tuple[FollowUpId, Past]]] = {}
    for row in await db.fetch(send_slots, "recipient_id", recipients):
        at = row["sent_at"] or row["reserved_at"]
        if at > since:
            past = Past(at, PastKind(row["purpose"]))
            found.setdefault(RecipientId(row["recipient_id"]), []).append((FollowUpId(row["follow_up_id"]), past))
    return found


async def reserve(db: Transaction, slots: Sequence[Mapping[str, Any]]) -> None:
    """Reserve one slot a follow-up; a second release of the same one keeps its slot and takes the new time."""
    await db.upsert(send_slots, slots)


async def accepted(db: Transaction, times: Mapping[FollowUpId, datetime]) -> None:
    """Let slots age from the moment the provider took the text."""
    await db.change(send_slots, [{"follow_up_id": key, "sent_at": at} for key, at in sorted(times.items())])


async def give_back(db: Transaction, follow_ups: Sequence[FollowUpId]) -> int:
    """Return the slots of texts that never went; one that was accepted stays taken."""
    rows = await db.fetch(send_slots, "follow_up_id", follow_ups)
    never_sent = [row["follow_up_id"] for row in rows if row["sent_at"] is None]
    return await db.delete(send_slots, "follow_up_id", never_sent)


async def decisions_of(db: Transaction, merchant: MerchantId, follow_up: UUID) -> list[Decision]:
    """Return the verdicts on one follow-up, oldest release first."""
    rows = await db.rows(
        sa.select(decisions)
        .where(decisions.c.follow_up_id == follow_up, decisions.c.merchant_id == merchant)
        .order_by(decisions.c.release)
    )
    return [Decision(row["release"], row["decided_at"], record_of(bytes(row["record"]))) for row in rows]


def _person(row: Row) -> Person:
    return Person(
        MerchantId(row["merchant_id"]),
        standing_of(bytes(row["standing"])),
        row["chain_hash"],
        bool(row["needs_review"]),
        row["texted_at"],
    )


def _entry(canonical: bytes) -> LedgerEntry:
    """Return the entry whose canonical bytes these are."""
    plain = orjson.loads(canonical)
    return LedgerEntry(**{each.name: _revived(each.name, plain.get(each.name)) for each in fields(LedgerEntry)})


def _revived(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _INSTANTS:
        return instant(value)
    kind = _ENUMS.get(name)
    return kind(value) if kind is not None else value
