"""Which number of a delivery is used, and which identifiers lead to it later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from services.ingest.domain.parsed_deliveries import Identifier, ParsedDelivery
from shared import phone
from shared.events.trigger import PhoneProvenance
from shared.phone import E164

SealedT = TypeVar("SealedT")


@dataclass(frozen=True, slots=True)
class PhoneCandidate:
    """A number in a delivery: as written, the field it came from, and the country of its address."""

    raw: str | None
    provenance: PhoneProvenance
    country: str | None


@dataclass(frozen=True, slots=True)
class ChosenPhone:
    """The number to use, and the field it came from."""

    number: E164
    provenance: PhoneProvenance


def choose_phone(candidates: Iterable[PhoneCandidate], fallback_country: str | None) -> ChosenPhone | None:
    """Return the first candidate that is a usable number; no country is guessed.

    Source: webhooks section 1, phone choice.
    """
    for candidate in candidates:
        if candidate.raw is None:
            continue
        parsed = phone.parse(candidate.raw, candidate.country or fallback_country)
        if not isinstance(parsed, phone.Unparsable):
            return ChosenPhone(parsed, candidate.provenance)
    return None


def remembered_provenance(provenance: PhoneProvenance) -> PhoneProvenance:
    """Return the provenance of a number that a later event finds through a subject; shipping stays shipping."""
    return provenance if provenance is PhoneProvenance.SHIPPING else PhoneProvenance.SUBJECT


def lasting_identifiers(parsed: ParsedDelivery) -> tuple[Identifier, ...]:
    """Return the identifiers that may lead to this delivery's number later.

    A shipping number may be another person's: it is stored for its order, never for the customer. A privacy request
    stores nothing about the person who makes it.
    """
    if parsed.contact is None or parsed.rights:
        return ()
    if parsed.contact.provenance is PhoneProvenance.SHIPPING:
        return tuple(join for join in parsed.identifiers if join.kind != "customer")
    return parsed.identifiers


def covers_former_numbers(parsed: ParsedDelivery) -> bool:
    """Return whether a delivery concerns every number its identifiers ever led to: privacy requests and withdrawals."""
    return bool(parsed.rights) or any(claim.covers_former_numbers for claim in parsed.claims)


def timely_claims(parsed: ParsedDelivery, sealed: Sequence[SealedT]) -> tuple[ParsedDelivery, tuple[SealedT, ...]]:
    """Return an outdated delivery without the consent of its collection point, and the matching part of `sealed`.

    The checkbox may have been cleared since; consent in a customer's account has its own date.
    """
    place = parsed.place
    kept = [
        (claim, own)
        for claim, own in zip(parsed.claims, sealed, strict=True)
        if place is None or claim is not place.claim
    ]
    return replace(parsed, claims=tuple(claim for claim, _ in kept)), tuple(own for _, own in kept)


def prefers_known_person(parsed: ParsedDelivery) -> bool:
    """Return whether a person found through the identifiers has precedence over the number in the delivery."""
    return parsed.contact is None or parsed.contact.provenance is PhoneProvenance.SHIPPING
