"""SQL of ingest: records arrivals, many in one statement, with the people, quarantine and events they bring."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress
from operator import attrgetter, not_
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.ingest.domain.announcements import Addressee
from services.ingest.domain.identities import Identities
from services.ingest.domain.order_totals import parse_total, serialize_total
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, Unreadable
from services.ingest.domain.prepared_deliveries import EVENTS_API, KEY_BYTES, PreparedDelivery, with_key_of_body
from services.ingest.domain.resolution import (
    ResolvedDelivery,
    identifiers_with_a_past,
    outcome_of,
    resolve,
    without_superseded,
)
from services.ingest.instruments import IDS_REUSED
from services.ingest.tables import deliveries, delivery_keys, former_people, published, quarantine, subjects
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Overtaken
from shared.events.envelope import Event
from shared.events.trigger import PhoneProvenance
from shared.ids import first_id


async def record(uow: UnitOfWork, arrivals: Sequence[PreparedDelivery]) -> list[DeliveryOutcome]:
    """Store the arrivals that are new, publish the events among theirs that are new, and return each one's outcome.

    Tolerates repeats within the call, across calls and across processes. The order of arrivals does not matter, except
    that an event without a number finds only people recorded before it.
    """
    known = await _known_keys(uow.db, arrivals)
    given, arrivals = arrivals, _with_own_keys(arrivals, known)
    if reused := [arrival for before, arrival in zip(given, arrivals, strict=True) if arrival is not before]:
        known |= await _known_keys(uow.db, reused)
    is_new = await _claim_keys(uow.db, arrivals, known)
    for before, arrival, new in zip(given, arrivals, is_new, strict=True):
        if new and arrival is not before:
            IDS_REUSED.labels(arrival.origin.source).inc()
    resolved, outcomes = await _publish(uow, arrivals, is_new)
    for one, outcome in zip(resolved, outcomes, strict=True):
        if one is not None:
            _save_delivery(uow, one, outcome)
    return outcomes


async def record_again(uow: UnitOfWork, arrivals: Sequence[PreparedDelivery]) -> list[DeliveryOutcome]:
    """Publish what deliveries hold that were kept unread, and keep what became of them; return each one's outcome.

    Their keys are known since they came. What another delivery published meanwhile is not published again.
    """
    resolved, outcomes = await _publish(uow, arrivals, [True] * len(arrivals))
    rows = [
        {
            "delivery_id": one.arrival.origin.delivery_id,
            "outcome": outcome.value,
            "recipient_id": one.addressee.recipient_id if one.addressee else None,
        }
        for one, outcome in zip(resolved, outcomes, strict=True)
        if one is not None
    ]
    await uow.db.change(deliveries, sorted(rows, key=lambda row: row["delivery_id"]))
    return outcomes


async def _publish(
    uow: UnitOfWork, arrivals: Sequence[PreparedDelivery], is_new: Sequence[bool]
) -> tuple[list[ResolvedDelivery | None], list[DeliveryOutcome]]:
    """Publish the events of new arrivals that are new, and store the people they bring."""
    people = await _load_people(uow.db, [arrival for arrival, new in zip(arrivals, is_new, strict=True) if new])
    resolved = [resolve(arrival, people) if new else None for arrival, new in zip(arrivals, is_new, strict=True)]
    events = [event for one in resolved if one for event in one.events]
    new_events = without_superseded(await _mark_published(uow.db, events), resolved)
    outcomes = [outcome_of(one, new_events) for one in resolved]
    for event in new_events.values():
        uow.publish(event)
    await _save_people(uow, people, arrivals)
    return resolved, outcomes


async def conflicts(db: Transaction, arrivals: Sequence[PreparedDelivery]) -> list[int]:
    """Return the positions of arrivals whose key was used before with another body."""
    known = await _known_keys(db, arrivals)
    found = []
    for position, arrival in enumerate(arrivals):
        for key in arrival.key_hashes:
            if known.setdefault(key, arrival.body_sha256) not in {arrival.body_sha256, arrival.unkeyed_sha256}:
                found.append(position)
                break
    return found


async def purge(db: Transaction, received_before: datetime, limit: int) -> int:
    """Delete up to `limit` of the oldest deliveries with their keys and quarantine rows; return how many."""
    statement = (
        sa.select(deliveries.c.delivery_id, deliveries.c["keys"].label("key_hashes"))
        .where(deliveries.c.delivery_id < first_id(received_before))
        .order_by(deliveries.c.delivery_id)
        .limit(limit)
    )
    rows = await db.rows(statement)
    old = [row["delivery_id"] for row in rows]
    await db.delete(delivery_keys, "key_hash", [key for row in rows for key in split_keys(bytes(row["key_hashes"]))])
    await db.delete(quarantine, "delivery_id", old)
    return await db.delete(deliveries, "delivery_id", old)


def _with_own_keys(arrivals: Sequence[PreparedDelivery], known: Mapping[bytes, bytes]) -> list[PreparedDelivery]:
    """Return the arrivals; those whose id was used before with another body get new keys.

    An event of the events API is refused in that case instead, since its caller can send it again.
    """
    known = dict(known)
    found = []
    for arrival in arrivals:
        before = [known[key] for key in arrival.key_hashes if key in known]
        if not before or arrival.body_sha256 in before or arrival.origin.source == EVENTS_API:
            known |= dict.fromkeys(arrival.key_hashes, arrival.body_sha256) if not before else {}
            found.append(arrival)
        else:
            found.append(with_key_of_body(arrival))
    return found


async def _claim_keys(db: Transaction, arrivals: Sequence[PreparedDelivery], known: Iterable[bytes]) -> list[bool]:
    """Insert the keys of new arrivals, and return for each whether it is new: none of its keys was known."""
    owners: dict[bytes, UUID] = dict.fromkeys(known, UUID(int=0))
    rows: list[dict[str, Any]] = []
    for arrival in arrivals:
        mine = arrival.origin.delivery_id
        if not owners.keys().isdisjoint(arrival.key_hashes):
            continue
        for key in arrival.key_hashes:
            owners[key] = mine
            rows.append({"key_hash": key, "delivery_id": mine, "body_sha256": arrival.body_sha256})
    rows.sort(key=lambda row: bytes(row["key_hash"]))
    entered = await db.insert_new(delivery_keys, rows)
    overtaken = {row["delivery_id"] for row, was_new in zip(rows, entered, strict=True) if not was_new}
    await _require_repeats(db, [arrival for arrival in arrivals if arrival.origin.delivery_id in overtaken])
    return [
        owners.get(arrival.key_hashes[0]) == arrival.origin.delivery_id and arrival.origin.delivery_id not in overtaken
        for arrival in arrivals
    ]


async def _require_repeats(db: Transaction, overtaken: Sequence[PreparedDelivery]) -> None:
    """Check that what another process recorded meanwhile under the same keys is the same.

    Raises:
        Overtaken: it has another body; on the next run this arrival is keyed by its body.
    """
    known = await _known_keys(db, overtaken) if overtaken else {}
    for arrival in overtaken:
        if any(known.get(key, arrival.body_sha256) != arrival.body_sha256 for key in arrival.key_hashes):
            raise Overtaken


async def _known_keys(db: Transaction, arrivals: Sequence[PreparedDelivery]) -> dict[bytes, bytes]:
    """Return the body hash stored with each known key."""
    keys = [key for arrival in arrivals for key in arrival.key_hashes]
    rows = await db.fetch(delivery_keys, "key_hash", keys, columns=("key_hash", "body_sha256"))
    return {bytes(row["key_hash"]): bytes(row["body_sha256"]) for row in rows}


async def _load_people(db: Transaction, arrivals: Sequence[PreparedDelivery]) -> Identities:
    """Return the people behind the identifiers and collection points of these arrivals."""
    wanted = [identifier for arrival in arrivals for identifier in arrival.every_identifier]
    rows = await db.fetch(subjects, "join_hash", wanted)
    return Identities(
        {bytes(row["join_hash"]): _addressee(row) for row in rows},
        await _load_former_people(db, arrivals),
        {bytes(row["join_hash"]): row["as_of"] for row in rows if row["as_of"] is not None},
        {bytes(row["join_hash"]): total for row in rows if (total := parse_total(row["total"])) is not None},
    )


async def _load_former_people(db: Transaction, arrivals: Iterable[PreparedDelivery]) -> dict[bytes, list[Addressee]]:
    """Return the former people behind the identifiers of those arrivals that may concern them."""
    wanted = [identifier for arrival in arrivals for identifier in identifiers_with_a_past(arrival)]
    found: dict[bytes, list[Addressee]] = {}
    for row in await db.fetch(former_people, "join_hash", wanted) if wanted else ():
        found.setdefault(bytes(row["join_hash"]), []).append(_addressee(row))
    return found


def _addressee(row: Row) -> Addressee:
    return Addressee(row["recipient_id"], bytes(row["contact"]), PhoneProvenance(row["provenance"]))


async def _mark_published(db: Transaction, events: Sequence[Event]) -> dict[UUID, Event]:
    """Return by id the events that were never published before, and mark them published."""
    new: dict[UUID, Event] = {}
    for event in events:
        new.setdefault(event.event_id, event)
    in_order = sorted(new, key=attrgetter("int"))  # as they compare themselves, without a call to each
    entered = await db.insert_new(published, [{"event_id": event_id} for event_id in in_order])
    for event_id in compress(in_order, map(not_, entered)):
        del new[event_id]
    return new


async def _save_people(uow: UnitOfWork, people: Identities, arrivals: Sequence[PreparedDelivery]) -> None:
    """Store the person behind each order, cart and customer, and the people they replaced."""
    merchants = {one: arrival.origin.merchant_id for arrival in arrivals for one in arrival.every_identifier}
    common = {"updated_at": uow.now}
    rows = [
        {
            "join_hash": identifier,
            "merchant_id": merchants[identifier],
            **person.row(),
            **common,
            "as_of": people.as_of(identifier),
            "total": serialize_total(people.total(identifier)),
        }
        for identifier, person in sorted(people.changed.items())
    ]
    await uow.db.upsert(subjects, rows)
    if people.cleared:
        await uow.db.delete(subjects, "join_hash", sorted(people.cleared))
    if people.displaced:
        before = [
            {"former_key": key, "join_hash": one, "merchant_id": merchants[one], **person.row(), **common}
            for key, (one, person) in sorted(people.displaced.items())
        ]
        await uow.db.insert_new(former_people, before)


def _save_delivery(uow: UnitOfWork, resolved: ResolvedDelivery, outcome: DeliveryOutcome) -> None:
    """Store the delivery as it came, and if it could not be read, why."""
    arrival, origin = resolved.arrival, resolved.arrival.origin
    common = {
        "delivery_id": origin.delivery_id,
        "merchant_id": origin.merchant_id,
        "source": origin.source,
        "topic": arrival.topic,
        "received_at": origin.received_at,
    }
    uow.insert_later(
        deliveries,
        common
        | {
            "outcome": outcome.value,
            "recipient_id": resolved.addressee.recipient_id if resolved.addressee else None,
            "keys": b"".join(arrival.key_hashes),
            "body": arrival.body,
            "headers": arrival.headers,
        },
    )
    if isinstance(arrival.outcome, Unreadable):
        uow.insert_later(
            quarantine, common | {"reason": arrival.outcome.reason.value, "detail": arrival.outcome.detail}
        )


def split_keys(key_hashes: bytes) -> Iterable[bytes]:
    """Return the keys of a delivery, which are stored as one value."""
    return (key_hashes[start : start + KEY_BYTES] for start in range(0, len(key_hashes), KEY_BYTES))
