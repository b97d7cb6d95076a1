"""Recording arrivals: keys, deliveries, people, quarantine, and the events they become; all arrivals at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from operator import attrgetter, not_
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.ingest.delivery_preparation import OWN_SYSTEMS, PreparedDelivery, oldest_id_of, under_a_reused_id
from services.ingest.domain import totals
from services.ingest.domain.announcements import (
    Addressee,
    announcements,
    number_changed,
    order_edited,
    taken_off,
    trigger_id,
)
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, ParsedDelivery, Unreadable
from services.ingest.domain.people import prefers_known_person, reaches_everybody, timely_claims
from services.ingest.instruments import IDS_REUSED
from services.ingest.known_people import People
from services.ingest.tables import KEY_BYTES, deliveries, delivery_keys, former_people, published, quarantine, subjects
from shared import ids
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Overtaken
from shared.events.envelope import Event
from shared.events.trigger import PhoneProvenance

MOST_NUMBERS = 4
"""How many numbers an order or cart may have had before, for the next one to hear of it from the beginning."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A new arrival, whom it turned out to be about, and what it says."""

    arrival: PreparedDelivery
    addressee: Addressee | None
    events: Sequence[Event]
    unless: Mapping[UUID, UUID] = field(default_factory=dict)
    """The event that, being news itself, says what another of these would."""


async def record(uow: UnitOfWork, arrivals: Sequence[PreparedDelivery]) -> list[DeliveryOutcome]:
    """Keep the arrivals that are new, publish what is news in them, and return what became of each.

    Tolerates repeats within the call, across calls and across processes; the order of arrivals is no matter, except
    that an event without a phone is joined only to what came before it.
    """
    known = await _known_keys(uow.db, arrivals)
    given, arrivals = arrivals, _under_their_own_keys(arrivals, known)
    if reused := [arrival for before, arrival in zip(given, arrivals, strict=True) if arrival is not before]:
        known |= await _known_keys(uow.db, reused)
    new = await _claimed(uow.db, arrivals, known)
    for before, arrival, is_new in zip(given, arrivals, new, strict=True):
        if is_new and arrival is not before:
            IDS_REUSED.labels(arrival.origin.source).inc()
    fresh = [arrival for arrival, is_new in zip(arrivals, new, strict=True) if is_new]
    people = await _people(uow.db, fresh)
    taken = [_take(arrival, people) if is_new else None for arrival, is_new in zip(arrivals, new, strict=True)]
    news = _without_what_is_said(await _news(uow.db, [event for each in taken if each for event in each.events]), taken)
    outcomes = [_outcome(each, news) for each in taken]
    for event in news.values():
        uow.publish(event)
    await _remember(uow, people, arrivals)
    for each, outcome in zip(taken, outcomes, strict=True):
        if each is not None:
            _keep(uow, each, outcome)
    return outcomes


async def conflicts(db: Transaction, arrivals: Sequence[PreparedDelivery]) -> list[int]:
    """Return the places of arrivals whose key was used before with another body."""
    known = await _known_keys(db, arrivals)
    found = []
    for place, arrival in enumerate(arrivals):
        for key in arrival.key_hashes:
            if known.setdefault(key, arrival.body_sha256) not in {arrival.body_sha256, arrival.unkeyed_sha256}:
                found.append(place)
                break
    return found


async def purge(db: Transaction, received_before: datetime, limit: int) -> int:
    """Delete up to `limit` of the oldest deliveries with their keys and quarantine; return how many there were."""
    statement = (
        sa.select(deliveries.c.delivery_id, deliveries.c["keys"].label("key_hashes"))
        .where(deliveries.c.delivery_id < oldest_id_of(ids.milliseconds(received_before)))
        .order_by(deliveries.c.delivery_id)
        .limit(limit)
    )
    rows = await db.rows(statement)
    old = [row["delivery_id"] for row in rows]
    await db.delete(delivery_keys, "key_hash", [key for row in rows for key in split_keys(bytes(row["key_hashes"]))])
    await db.delete(quarantine, "delivery_id", old)
    return await db.delete(deliveries, "delivery_id", old)


def _under_their_own_keys(arrivals: Sequence[PreparedDelivery], known: Mapping[bytes, bytes]) -> list[PreparedDelivery]:
    """Return the arrivals; those whose id was used before with another body under keys that are new.

    Our callers' own events are refused in that case, where they can be mended.
    """
    known = dict(known)
    found = []
    for arrival in arrivals:
        before = [known[key] for key in arrival.key_hashes if key in known]
        if not before or arrival.body_sha256 in before or arrival.origin.source == OWN_SYSTEMS:
            known |= dict.fromkeys(arrival.key_hashes, arrival.body_sha256) if not before else {}
            found.append(arrival)
        else:
            found.append(under_a_reused_id(arrival))
    return found


async def _claimed(db: Transaction, arrivals: Sequence[PreparedDelivery], known: Iterable[bytes]) -> list[bool]:
    """Enter the keys of new arrivals, and return for each whether it is new: none of its keys was known."""
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
    await _require_repeats(db, [each for each in arrivals if each.origin.delivery_id in overtaken])
    return [
        owners.get(arrival.key_hashes[0]) == arrival.origin.delivery_id and arrival.origin.delivery_id not in overtaken
        for arrival in arrivals
    ]


async def _require_repeats(db: Transaction, overtaken: Sequence[PreparedDelivery]) -> None:
    """Make sure that what another process has taken meanwhile is the same.

    Raises:
        Overtaken: another body came under the same id at the same moment; run again, this one is known by its body.
    """
    known = await _known_keys(db, overtaken) if overtaken else {}
    for arrival in overtaken:
        if any(known.get(key, arrival.body_sha256) != arrival.body_sha256 for key in arrival.key_hashes):
            raise Overtaken


async def _known_keys(db: Transaction, arrivals: Sequence[PreparedDelivery]) -> dict[bytes, bytes]:
    """Return the body hash behind each key that is known."""
    keys = [key for arrival in arrivals for key in arrival.key_hashes]
    rows = await db.fetch(delivery_keys, "key_hash", keys, columns=("key_hash", "body_sha256"))
    return {bytes(row["key_hash"]): bytes(row["body_sha256"]) for row in rows}


async def _people(db: Transaction, arrivals: Sequence[PreparedDelivery]) -> People:
    """Return whom the joins and places of these arrivals lead to, and since when."""
    wanted = [join for arrival in arrivals for join in (*arrival.joins, *filter(None, (arrival.place,)))]
    rows = await db.fetch(subjects, "join_hash", wanted)
    return People(
        {bytes(row["join_hash"]): _addressee(row) for row in rows},
        await _former_people(db, arrivals),
        {bytes(row["join_hash"]): row["as_of"] for row in rows if row["as_of"] is not None},
        {bytes(row["join_hash"]): total for row in rows if (total := totals.read(row["total"])) is not None},
    )


async def _former_people(db: Transaction, arrivals: Iterable[PreparedDelivery]) -> dict[bytes, list[Addressee]]:
    """Return whom the joins of these arrivals led to before, where what they say reaches them or is told anew."""
    wanted = [join for arrival in arrivals for join in _joins_with_a_past(arrival)]
    found: dict[bytes, list[Addressee]] = {}
    for row in await db.fetch(former_people, "join_hash", wanted) if wanted else ():
        found.setdefault(bytes(row["join_hash"]), []).append(_addressee(row))
    return found


def _addressee(row: Row) -> Addressee:
    return Addressee(row["recipient_id"], bytes(row["contact"]), PhoneProvenance(row["provenance"]))


def _joins_with_a_past(arrival: PreparedDelivery) -> Sequence[bytes]:
    if isinstance(arrival.outcome, Unreadable):
        return ()
    return arrival.joins if reaches_everybody(arrival.outcome) else arrival.joins[:1] if arrival.outcome.retold else ()


def _take(arrival: PreparedDelivery, people: People) -> _Taken:
    """Find out whom an arrival is about, learn its joins, and say what it says."""
    reading = arrival.outcome
    if isinstance(reading, Unreadable):
        return _Taken(arrival, None, ())
    is_old = any(people.is_known_newer(join, reading.as_of) for join in arrival.joins[:1])
    known = people.behind(arrival.joins) if is_old or prefers_known_person(reading) else None
    before: Mapping[bytes, Addressee] = {}
    if known is None and arrival.remembered is not None:
        before = people.learn(arrival.lasting_joins, arrival.remembered, reading.as_of)
    addressee = known or arrival.addressee
    others = people.ever_behind(arrival.joins, addressee) if reaches_everybody(reading) else ()
    moved = _moved(arrival, reading, before)
    money = _money(arrival, reading, people, is_old=is_old)
    reading = money.reading
    said, claims = timely_claims(reading, arrival.claims) if is_old else (reading, arrival.claims)
    events: list[Event] = [number_changed(arrival.origin, subject, whose) for subject, whose in moved.items()]
    if money.added_minor and reading.total and addressee:
        subject, currency = reading.joins[0].name, reading.total.currency
        events.append(order_edited(arrival.origin, subject, money.added_minor, currency, addressee))
    # Whoever types many numbers into one checkout does not make each of them hear of it.
    anew = moved.keys() if people.numbers_of(arrival.joins[:1]) <= MOST_NUMBERS else ()
    events += announcements(arrival.origin, said, addressee, arrival.facts, claims, others, arrival.retold_facts, anew)
    if not is_old:
        events += _taken_off(arrival, reading, addressee, people)
    unless = _said_by_others(arrival, reading, addressee)
    return _Taken(arrival, addressee, list({event.event_id: event for event in events}.values()), unless)


def _said_by_others(
    arrival: PreparedDelivery, reading: ParsedDelivery, addressee: Addressee | None
) -> dict[UUID, UUID]:
    """Return which event, being news itself, says what another of a reading would."""
    if not reading.retold and all(each.unless is None for each in reading.happenings):
        return {}
    ids_of: dict[str, UUID] = {each.key: trigger_id(arrival.origin, each) for each in reading.happenings}
    unless = {ids_of[each.key]: ids_of[each.unless] for each in reading.happenings if each.unless in ids_of}
    return unless | {
        trigger_id(arrival.origin, each, addressee): ids_of[each.key] for each in reading.retold if each.key in ids_of
    }


def _money(arrival: PreparedDelivery, reading: ParsedDelivery, people: People, *, is_old: bool) -> totals.Told:
    """Return what a delivery says of its order's money, and remember it; tests have none."""
    if not arrival.joins or reading.joins[0].kind != "subject" or any(each.is_test for each in reading.happenings):
        return totals.Told(reading, None)
    money = totals.told(reading, people.total(arrival.joins[0]), is_old=is_old)
    if money.total is not None:
        people.note_total(arrival.joins[0], money.total)
    return money


def _moved(
    arrival: PreparedDelivery, reading: ParsedDelivery, before: Mapping[bytes, Addressee]
) -> dict[str, Addressee]:
    """Return the subjects that had another number until now, and whose; where they are told of whole."""
    if reading.as_of is None:
        return {}
    joins = zip(dict.fromkeys(reading.joins), arrival.joins, strict=True)
    return {join.name: before[key] for join, key in joins if join.kind == "subject" and key in before}


def _taken_off(
    arrival: PreparedDelivery, reading: ParsedDelivery, addressee: Addressee | None, people: People
) -> list[Event]:
    """Remember who gives permission at a place, and return the withdrawal of whoever did and stands there no more."""
    place, key = reading.place, arrival.place
    if place is None or key is None:
        return []
    before, granted = people.behind([key]), None
    if place.claim is not None:
        [sealed] = [s for claim, s in zip(reading.claims, arrival.claims, strict=True) if claim is place.claim]
        granted = sealed.addressee or addressee
        if granted is not None and granted.provenance is PhoneProvenance.SHIPPING:
            granted = None  # nobody consents for whom a gift is shipped to
    now = granted or arrival.at_place
    is_gone = before is not None and (now is None or now.recipient_id != before.recipient_id)
    if granted is not None:
        people.stand(key, granted, place.changed_at)
    elif is_gone:
        people.empty(key)
    is_news = is_gone and not reaches_everybody(reading)
    return [taken_off(arrival.origin, place, before)] if before is not None and is_news else []


async def _news(db: Transaction, events: Sequence[Event]) -> dict[UUID, Event]:
    """Return the events nobody told of before, by id, and mark them told."""
    told: dict[UUID, Event] = {}
    for event in events:
        told.setdefault(event.event_id, event)
    in_order = sorted(told, key=attrgetter("int"))  # as they compare themselves, without asking each
    entered = await db.insert_new(published, [{"event_id": event_id} for event_id in in_order])
    for event_id in compress(in_order, map(not_, entered)):
        del told[event_id]
    return told


def _without_what_is_said(news: dict[UUID, Event], taken: Iterable[_Taken | None]) -> dict[UUID, Event]:
    """Return the news without those whose own delivery says the same in another event that is news."""
    said = set()
    for each in (each for each in taken if each is not None and each.unless):
        mine: dict[UUID, Event] = {event.event_id: event for event in each.events}
        for event_id, other_id in each.unless.items():
            other = mine.get(other_id)
            if event_id in mine and other is not None and news.get(other_id) is other:
                said.add(event_id)
    return {event_id: event for event_id, event in news.items() if event_id not in said} if said else news


def _outcome(taken: _Taken | None, news: dict[UUID, Event]) -> DeliveryOutcome:
    if taken is None:
        return DeliveryOutcome.DUPLICATE
    outcome = taken.arrival.outcome
    if isinstance(outcome, Unreadable):
        return DeliveryOutcome.QUARANTINED
    if any(news.get(event.event_id) is event for event in taken.events):
        return DeliveryOutcome.ACCEPTED
    is_about_somebody = outcome.happenings or outcome.claims or outcome.rights
    return DeliveryOutcome.NO_RECIPIENT if is_about_somebody and not taken.events else DeliveryOutcome.IGNORED


async def _remember(uow: UnitOfWork, people: People, arrivals: Sequence[PreparedDelivery]) -> None:
    """Keep whom each order, cart and customer leads to, the newest telling first, and who stood there before."""
    merchants = {
        join: arrival.origin.merchant_id
        for arrival in arrivals
        for join in (*arrival.joins, *filter(None, (arrival.place,)))
    }
    common = {"updated_at": uow.now}
    rows = [
        {
            "join_hash": join,
            "merchant_id": merchants[join],
            **person.row(),
            **common,
            "as_of": people.as_of(join),
            "total": totals.written(people.total(join)),
        }
        for join, person in sorted(people.learnt.items())
    ]
    await uow.db.upsert(subjects, rows)
    if people.emptied:
        await uow.db.delete(subjects, "join_hash", sorted(people.emptied))
    if people.displaced:
        before = [
            {"former_key": key, "join_hash": join, "merchant_id": merchants[join], **person.row(), **common}
            for key, (join, person) in sorted(people.displaced.items())
        ]
        await uow.db.insert_new(former_people, before)


def _keep(uow: UnitOfWork, taken: _Taken, outcome: DeliveryOutcome) -> None:
    """Keep the delivery as it came, and where it could not be read, why."""
    arrival, origin = taken.arrival, taken.arrival.origin
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
            "recipient_id": taken.addressee.recipient_id if taken.addressee else None,
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
    """Return the keys of a delivery, which stand one after the other."""
    return (key_hashes[start : start + KEY_BYTES] for start in range(0, len(key_hashes), KEY_BYTES))
