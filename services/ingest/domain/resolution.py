"""Decides which person an arrival concerns and which events it becomes, given the people already known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.ingest.domain.announcements import (
    Addressee,
    announcements,
    consent_withdrawn_at,
    number_changed,
    order_edited,
    trigger_id,
)
from services.ingest.domain.identities import Identities
from services.ingest.domain.order_totals import AdjustedAmounts, adjust_amounts
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, ParsedDelivery, Unreadable
from services.ingest.domain.people import covers_former_numbers, prefers_known_person, timely_claims
from services.ingest.domain.prepared_deliveries import PreparedDelivery
from shared.events.envelope import Event
from shared.events.trigger import PhoneProvenance

MOST_NUMBERS: Final = 4
"""Former numbers of an order or cart beyond which a further number is not sent its triggers again."""


@dataclass(frozen=True, slots=True)
class ResolvedDelivery:
    """A new arrival, the person it concerns, and the events it becomes."""

    arrival: PreparedDelivery
    addressee: Addressee | None
    events: Sequence[Event]
    superseded_by: Mapping[UUID, UUID] = field(default_factory=dict)
    """For some of these events another of them: if that one is new, it alone is published."""


def resolve(arrival: PreparedDelivery, people: Identities) -> ResolvedDelivery:
    """Return the person and the events of an arrival; adds the person to `people`."""
    parsed = arrival.outcome
    if isinstance(parsed, Unreadable):
        return ResolvedDelivery(arrival, None, ())
    is_old = any(people.is_known_newer(identifier, parsed.as_of) for identifier in arrival.identifiers[:1])
    known = people.find(arrival.identifiers) if is_old or prefers_known_person(parsed) else None
    before: Mapping[bytes, Addressee] = {}
    if known is None and arrival.remembered is not None:
        before = people.link(arrival.lasting_identifiers, arrival.remembered, parsed.as_of)
    addressee = known or arrival.addressee
    others = people.find_all(arrival.identifiers, addressee) if covers_former_numbers(parsed) else ()
    moved = _moved_subjects(arrival, parsed, before)
    money = _amounts(arrival, parsed, people, is_old=is_old)
    parsed = money.parsed
    current, claims = timely_claims(parsed, arrival.claims) if is_old else (parsed, arrival.claims)
    events: list[Event] = [number_changed(arrival.origin, subject, person) for subject, person in moved.items()]
    if money.added_minor and parsed.total and addressee:
        subject, currency = parsed.identifiers[0].name, parsed.total.currency
        events.append(order_edited(arrival.origin, subject, money.added_minor, currency, addressee))
    # Many numbers typed into one checkout do not each receive its triggers.
    repeated = moved.keys() if people.count_former(arrival.identifiers[:1]) <= MOST_NUMBERS else ()
    events += announcements(
        arrival.origin, current, addressee, arrival.facts, claims, others, arrival.number_change_facts, repeated
    )
    if not is_old:
        events += _withdrawn_consent(arrival, parsed, addressee, people)
    unique = list({event.event_id: event for event in events}.values())
    return ResolvedDelivery(arrival, addressee, unique, _superseded(arrival, parsed, addressee))


def without_superseded(new_events: dict[UUID, Event], resolved: Iterable[ResolvedDelivery | None]) -> dict[UUID, Event]:
    """Return the new events without those whose own delivery says the same in another new event."""
    dropped = set()
    for each in (each for each in resolved if each is not None and each.superseded_by):
        mine: dict[UUID, Event] = {event.event_id: event for event in each.events}
        for event_id, other_id in each.superseded_by.items():
            other = mine.get(other_id)
            if event_id in mine and other is not None and new_events.get(other_id) is other:
                dropped.add(event_id)
    return {key: event for key, event in new_events.items() if key not in dropped} if dropped else new_events


def outcome_of(resolved: ResolvedDelivery | None, new_events: Mapping[UUID, Event]) -> DeliveryOutcome:
    """Return what became of an arrival; None stands for a repeat."""
    if resolved is None:
        return DeliveryOutcome.DUPLICATE
    outcome = resolved.arrival.outcome
    if isinstance(outcome, Unreadable):
        return DeliveryOutcome.QUARANTINED
    if any(new_events.get(event.event_id) is event for event in resolved.events):
        return DeliveryOutcome.ACCEPTED
    concerns_a_person = outcome.triggers or outcome.claims or outcome.rights
    return DeliveryOutcome.NO_RECIPIENT if concerns_a_person and not resolved.events else DeliveryOutcome.IGNORED


def identifiers_with_a_past(arrival: PreparedDelivery) -> Sequence[bytes]:
    """Return the identifiers whose former people an arrival may concern."""
    parsed = arrival.outcome
    if isinstance(parsed, Unreadable):
        return ()
    if covers_former_numbers(parsed):
        return arrival.identifiers
    return arrival.identifiers[:1] if parsed.on_number_change else ()


def _superseded(arrival: PreparedDelivery, parsed: ParsedDelivery, addressee: Addressee | None) -> dict[UUID, UUID]:
    """Return, by id, which event makes another one of a delivery redundant when it is new."""
    if not parsed.on_number_change and all(trigger.superseded_by is None for trigger in parsed.triggers):
        return {}
    ids_of: dict[str, UUID] = {trigger.key: trigger_id(arrival.origin, trigger) for trigger in parsed.triggers}
    superseded = {
        ids_of[trigger.key]: ids_of[trigger.superseded_by]
        for trigger in parsed.triggers
        if trigger.superseded_by in ids_of
    }
    return superseded | {
        trigger_id(arrival.origin, trigger, addressee): ids_of[trigger.key]
        for trigger in parsed.on_number_change
        if trigger.key in ids_of
    }


def _amounts(arrival: PreparedDelivery, parsed: ParsedDelivery, people: Identities, *, is_old: bool) -> AdjustedAmounts:
    """Return a delivery with its order's amounts adjusted, and store the total; test orders have none."""
    is_test = any(trigger.is_test for trigger in parsed.triggers)
    if not arrival.identifiers or parsed.identifiers[0].kind != "subject" or is_test:
        return AdjustedAmounts(parsed, None)
    money = adjust_amounts(parsed, people.total(arrival.identifiers[0]), is_old=is_old)
    if money.total is not None:
        people.set_total(arrival.identifiers[0], money.total)
    return money


def _moved_subjects(
    arrival: PreparedDelivery, parsed: ParsedDelivery, before: Mapping[bytes, Addressee]
) -> dict[str, Addressee]:
    """Return the subjects whose number this delivery changes, and whose it was; only a whole document can say so."""
    if parsed.as_of is None:
        return {}
    identifiers = zip(dict.fromkeys(parsed.identifiers), arrival.identifiers, strict=True)
    return {one.name: before[key] for one, key in identifiers if one.kind == "subject" and key in before}


def _withdrawn_consent(
    arrival: PreparedDelivery, parsed: ParsedDelivery, addressee: Addressee | None, people: Identities
) -> list[Event]:
    """Store whose number has consent at the collection point, and return the withdrawal of one that left it."""
    place, key = parsed.place, arrival.collection_point
    if place is None or key is None:
        return []
    before, granted = people.find([key]), None
    if place.claim is not None:
        [sealed] = [s for claim, s in zip(parsed.claims, arrival.claims, strict=True) if claim is place.claim]
        granted = sealed.addressee or addressee
        if granted is not None and granted.provenance is PhoneProvenance.SHIPPING:
            granted = None  # the buyer cannot consent for the person a gift is shipped to
    now = granted or arrival.collection_person
    has_left = before is not None and (now is None or now.recipient_id != before.recipient_id)
    if granted is not None:
        people.set_collection_point(key, granted, place.changed_at)
    elif has_left:
        people.clear_collection_point(key)
    if before is None or not has_left or covers_former_numbers(parsed):
        return []
    return [consent_withdrawn_at(arrival.origin, place, before)]
