"""Whose number a delivery holds, how it is chosen, and by what it is found again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from services.ingest.domain.parsed_deliveries import Join, ParsedDelivery
from shared import phone
from shared.events.trigger import PhoneProvenance
from shared.phone import E164

SealedT = TypeVar("SealedT")


@dataclass(frozen=True, slots=True)
class PhoneCandidate:
    """A number a delivery holds: as written, where it stood, and the country of its address."""

    raw: str | None
    provenance: PhoneProvenance
    country: str | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The number to write to, and where it stood."""

    number: E164
    provenance: PhoneProvenance


def chosen_phone(candidates: Iterable[PhoneCandidate], fallback_country: str | None) -> Chosen | None:
    """Return the first candidate that is a usable number; never guesses a country.

    Source: webhooks section 1, phone choice.
    """
    for candidate in candidates:
        if candidate.raw is None:
            continue
        parsed = phone.parse(candidate.raw, candidate.country or fallback_country)
        if not isinstance(parsed, phone.Unparsable):
            return Chosen(parsed, candidate.provenance)
    return None


def remembered_provenance(provenance: PhoneProvenance) -> PhoneProvenance:
    """Return the provenance of a number that is found again through a subject; shipping stays shipping."""
    return provenance if provenance is PhoneProvenance.SHIPPING else PhoneProvenance.SUBJECT


def lasting_joins(reading: ParsedDelivery) -> tuple[Join, ...]:
    """Return the joins that may remember this delivery's number.

    A shipping number may be another person's: it is remembered for its order, never for the customer. Who asks for
    erasure or a copy is not remembered for having asked.
    """
    if reading.contact is None or reading.rights:
        return ()
    if reading.contact.provenance is PhoneProvenance.SHIPPING:
        return tuple(join for join in reading.joins if join.kind != "customer")
    return reading.joins


def reaches_everybody(reading: ParsedDelivery) -> bool:
    """Return whether a reading concerns every number its joins ever had: what is asked by right, and withdrawals."""
    return bool(reading.rights) or any(claim.reaches_everybody for claim in reading.claims)


def timely_claims(reading: ParsedDelivery, sealed: Sequence[SealedT]) -> tuple[ParsedDelivery, tuple[SealedT, ...]]:
    """Return a reading that is older than what is known without the permission of its place, and what is sealed of it.

    A box may have been emptied since; what a customer's account says is dated by itself.
    """
    place = reading.place
    kept = [
        (claim, own)
        for claim, own in zip(reading.claims, sealed, strict=True)
        if place is None or claim is not place.claim
    ]
    return replace(reading, claims=tuple(claim for claim, _ in kept)), tuple(own for _, own in kept)


def prefers_known_person(reading: ParsedDelivery) -> bool:
    """Return whether a person found through the joins comes before the number in the delivery itself."""
    return reading.contact is None or reading.contact.provenance is PhoneProvenance.SHIPPING
