"""Requests by right, certificates and export parts in the database, and what compliance itself holds of a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.compliance.sealed import SEALED_FOR_GOOD
from services.compliance.tables import (
    audit_tables,
    certificates,
    decisions,
    erasures,
    export_parts,
    ledger,
    preferences,
    privacy_requests,
    send_slots,
    standings,
    system_tables,
)
from shared import aad, rights
from shared.aad import AssociatedData
from shared.db import audit_store
from shared.db.transaction import Row, Transaction
from shared.events.consent import PrivacyRequested, PrivacyRight
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.ids import EventId, MerchantId, RecipientId
from shared.privacy import Sealer

_LISTED = 100
_READABLE = ("canonical", "standing", "record")
"""Columns of unsealed JSON: they hold no identity."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request by right."""

    request_id: EventId
    merchant_id: MerchantId
    recipient_id: RecipientId
    right: PrivacyRight
    source: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one service blanked, and when."""

    service: str
    rows: dict[str, int]
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of what a service handed over for an export, sealed."""

    request_id: UUID
    service: str
    part: int
    parts: int
    body: bytes
    handed_over_at: datetime

    @property
    def place(self) -> AssociatedData:
        """What it is sealed for."""
        return aad.copy_piece(self.request_id, self.service, self.part)


async def remember(db: Transaction, requests: Sequence[Request]) -> None:
    """Keep requests; one that is stored already stays as it is."""
    await db.insert_new(
        privacy_requests,
        [
            {
                "request_id": each.request_id,
                "merchant_id": each.merchant_id,
                "recipient_id": each.recipient_id,
                "kind": each.right.value,
                "source": each.source,
                "requested_at": each.requested_at,
            }
            for each in requests
        ],
    )


def request_of(event: PrivacyRequested) -> Request:
    """Return the request of an event."""
    return Request(event.event_id, event.merchant_id, event.recipient_id, event.right, event.source, event.occurred_at)


async def request(db: Transaction, merchant: MerchantId, request_id: UUID, right: PrivacyRight) -> Request | None:
    """Return one of a merchant's requests."""
    rows = await db.fetch(privacy_requests, "request_id", [request_id])
    found = [_request(row) for row in rows if row["merchant_id"] == merchant and row["kind"] == right]
    return found[0] if found else None


async def requested_at(db: Transaction, request_ids: Sequence[EventId]) -> dict[EventId, datetime]:
    """Return when these requests were made, those that are known."""
    rows = await db.fetch(privacy_requests, "request_id", sorted(set(request_ids)))
    return {EventId(row["request_id"]): row["requested_at"] for row in rows}


async def newest(db: Transaction, merchant: MerchantId, right: PrivacyRight) -> list[Request]:
    """Return a merchant's newest requests of a kind; their ids rise with time."""
    table = privacy_requests.c
    rows = await db.rows(
        sa.select(privacy_requests)
        .where(table.merchant_id == merchant, table.kind == right.value)
        .order_by(table.request_id.desc())
        .limit(_LISTED)
    )
    return [_request(row) for row in rows]


async def certify(db: Transaction, events: Sequence[PrivacyErased]) -> None:
    """Keep what services blanked; the first report of each stays, because a repeat finds nothing left to blank."""
    await db.insert_new(
        certificates,
        [
            {
                "request_id": event.request_id,
                "service": event.service,
                "blanked": event.rows,
                "erased_at": event.occurred_at,
            }
            for event in events
        ],
    )


async def certificates_of(db: Transaction, request_id: UUID) -> list[Certificate]:
    """Return what services blanked for one erasure."""
    rows = await db.fetch(certificates, "request_id", [request_id])
    found = [Certificate(row["service"], dict(row["blanked"]), row["erased_at"]) for row in rows]
    return sorted(found, key=lambda each: each.service)


async def keep(db: Transaction, events: Sequence[PrivacyExported]) -> None:
    """Keep what was handed over, still sealed."""
    await db.insert_new(
        export_parts,
        [
            {
                "request_id": event.request_id,
                "service": event.service,
                "part": event.part,
                "parts": event.parts,
                "merchant_id": event.merchant_id,
                "recipient_id": event.recipient_id,
                "body": event.body,
                "handed_over_at": event.occurred_at,
            }
            for event in events
        ],
    )


async def pieces(db: Transaction, request_id: UUID) -> list[Piece]:
    """Return what was handed over for one export."""
    rows = await db.fetch(export_parts, "request_id", [request_id])
    return [
        Piece(request_id, row["service"], row["part"], row["parts"], bytes(row["body"]), row["handed_over_at"])
        for row in rows
    ]


async def drop_exports(db: Transaction, recipient: RecipientId) -> int:
    """Delete the copies made for a person; return how many pieces there were."""
    return await db.delete(export_parts, "recipient_id", [recipient])


async def drop_exports_of_shop(db: Transaction, merchant: MerchantId) -> int:
    """Delete every copy made for a shop's people."""
    return await db.execute(sa.delete(export_parts).where(export_parts.c.merchant_id == merchant))


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, the evidence opened."""
    recipient, merchant = request.recipient_id, request.merchant_id
    found = {}
    for table in (ledger, standings, preferences, decisions, send_slots, erasures):
        rows = [
            {name: orjson.loads(bytes(value)) if name in _READABLE else value for name, value in row.items()}
            for row in await db.fetch(table, "recipient_id", [recipient])
        ]
        found[table.name] = rights.opened_rows(rows, sealer, merchant, SEALED_FOR_GOOD.get(table, {}))
    deeds, entries = await audit_store.about_person(db, audit_tables, recipient), audit_tables.entries
    found[entries.name] = rights.opened_rows(deeds, sealer, merchant, SEALED_FOR_GOOD[entries])
    return {**found, system_tables.parked.name: await rights.parked_rows(db, system_tables, recipient, sealer)}


def _request(row: Row) -> Request:
    return Request(
        EventId(row["request_id"]),
        MerchantId(row["merchant_id"]),
        RecipientId(row["recipient_id"]),
        PrivacyRight(row["kind"]),
        row["source"],
        row["requested_at"],
    )
