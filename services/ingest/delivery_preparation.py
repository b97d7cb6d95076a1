"""A delivery made ready for its unit of work: people named by keyed hash, personal parts sealed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from services.ingest.domain.announcements import Addressee, OpenClaim, Origin, trigger_id
from services.ingest.domain.parsed_deliveries import Claim, Join, ParsedDelivery, ParseResult, TriggerDraft, Unreadable
from services.ingest.domain.people import lasting_joins, remembered_provenance
from services.ingest.instruments import FACTS_LEFT_OUT
from services.ingest.tables import KEY_BYTES
from shared import aad
from shared.events.envelope import Sealed
from shared.events.trigger import Contact
from shared.fact_limits import within_bounds
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer

LONGEST_TOPIC_CHARACTERS = 100
UNKEPT_HEADERS = frozenset({"authorization", "cookie"})

OWN_SYSTEMS = "api"
"""The source of `POST /v1/events`, where an id with another body is refused as a conflict."""


@dataclass(frozen=True, slots=True)
class ReceivedDelivery:
    """What came through the door, and what it says."""

    origin: Origin
    topic: str
    repeat_keys: Sequence[str]
    """Empty where the source gives none: then the body itself is the key."""
    body: bytes
    headers: Mapping[str, str]
    outcome: ParseResult


@dataclass(frozen=True, slots=True)
class PreparedDelivery:
    """A delivery as its unit of work takes it; nothing is left to compute but what the tables decide."""

    origin: Origin
    topic: str
    key_hashes: tuple[bytes, ...]
    body_sha256: bytes
    """Under the key that names people: no guess at a body can be tried without it."""
    unkeyed_sha256: bytes
    """As earlier versions kept it."""
    body: Sealed
    headers: Sealed
    outcome: ParseResult
    addressee: Addressee | None
    """Whom the delivery itself names."""
    remembered: Addressee | None
    """The same person, as a later event finds them."""
    joins: tuple[bytes, ...]
    """Best first."""
    lasting_joins: tuple[bytes, ...]
    facts: tuple[Sealed, ...]
    claims: tuple[OpenClaim, ...]
    """Not sealed yet: what they belong to depends on whom the tables know."""
    retold_facts: tuple[Sealed, ...] = ()
    place: bytes | None = None
    """The hash of the place where permission is given or taken off."""
    at_place: Addressee | None = None
    """Whose number stands there, where no permission is given."""


class Preparer:
    """Names and seals."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def keyed_hash(self, text: str) -> bytes:
        """Return a hash that cannot be recomputed by guessing at the text."""
        return self._sealer.keyed_hash(text)

    def prepared(self, delivery: ReceivedDelivery) -> PreparedDelivery:
        """Return the delivery ready to be recorded."""
        merchant, delivery_id = delivery.origin.merchant_id, delivery.origin.delivery_id
        unkeyed = hashlib.sha256(delivery.body).digest()
        body_sha256 = self._sealer.keyed_hash(f"body\x1f{merchant}\x1f{unkeyed.hex()}")
        keys = delivery.repeat_keys or [f"body {body_sha256.hex()}"]
        kept = {name: value for name, value in delivery.headers.items() if name not in UNKEPT_HEADERS}
        reading = ParsedDelivery() if isinstance(delivery.outcome, Unreadable) else delivery.outcome
        joins = {join: self._join_hash(merchant, join) for join in reading.joins}
        place = reading.place
        addressee = self._addressee(merchant, reading.contact) if reading.contact else None
        return PreparedDelivery(
            origin=delivery.origin,
            topic=delivery.topic[:LONGEST_TOPIC_CHARACTERS],
            key_hashes=tuple(dict.fromkeys(key_hash(merchant, delivery.origin.source, key) for key in keys)),
            body_sha256=body_sha256,
            unkeyed_sha256=unkeyed,
            body=self._sealer.seal(merchant, aad.delivery_body(delivery_id), delivery.body),
            headers=self._sealer.seal(merchant, aad.delivery_headers(delivery_id), orjson.dumps(kept)),
            outcome=delivery.outcome,
            addressee=addressee,
            remembered=self._remembered(merchant, reading.contact, addressee) if joins else None,
            joins=tuple(joins.values()),
            lasting_joins=tuple(joins[join] for join in lasting_joins(reading)),
            facts=tuple(self._facts(delivery.origin, happening) for happening in reading.happenings),
            claims=tuple(self._claim(merchant, claim) for claim in reading.claims),
            retold_facts=tuple(self._facts(delivery.origin, happening, addressee) for happening in reading.retold),
            place=self._join_hash(merchant, Join("place", place.name)) if place else None,
            at_place=self._addressee(merchant, place.contact) if place and place.contact else None,
        )

    def _addressee(self, merchant: MerchantId, contact: Contact) -> Addressee:
        recipient_id = self._sealer.recipient_id(merchant, E164(contact.phone))
        return Addressee(recipient_id, self._sealed(merchant, recipient_id, contact), contact.provenance)

    def _remembered(
        self, merchant: MerchantId, contact: Contact | None, addressee: Addressee | None
    ) -> Addressee | None:
        """Return the same person with the provenance a number has that is found again."""
        if contact is None or addressee is None:
            return None
        provenance = remembered_provenance(contact.provenance)
        known = contact.model_copy(update={"provenance": provenance})
        return Addressee(addressee.recipient_id, self._sealed(merchant, addressee.recipient_id, known), provenance)

    def _sealed(self, merchant: MerchantId, recipient_id: RecipientId, contact: Contact) -> Sealed:
        clear = contact.__pydantic_serializer__.to_json(contact, exclude_none=True)
        return self._sealer.seal(merchant, aad.contact(recipient_id), clear)

    def _facts(self, origin: Origin, happening: TriggerDraft, again: Addressee | None = None) -> Sealed:
        clear = orjson.dumps(_bounded(happening.facts, origin.source))
        own = aad.trigger_facts(trigger_id(origin, happening, again))
        return self._sealer.seal(origin.merchant_id, own, clear)

    def _claim(self, merchant: MerchantId, claim: Claim) -> OpenClaim:
        return OpenClaim(
            self._addressee(merchant, claim.contact) if claim.contact else None,
            orjson.dumps(claim.evidence) if claim.evidence else None,
            partial(self._sealer.seal, merchant),
        )

    def _join_hash(self, merchant: MerchantId, join: Join) -> bytes:
        return self._sealer.keyed_hash(f"join\x1f{merchant}\x1f{join.kind}\x1f{join.name}")[:KEY_BYTES]


def under_a_reused_id(arrival: PreparedDelivery) -> PreparedDelivery:
    """Return an arrival whose id was used before with another body: it is known by its body too, and taken.

    A repeat has the same id and the same body. Platforms do not sign their ids: another body under a known one is
    news, or somebody wants it to be taken for known.
    """
    both = (hashlib.sha256(key + arrival.body_sha256).digest()[:KEY_BYTES] for key in arrival.key_hashes)
    return replace(arrival, key_hashes=tuple(both))


def key_hash(merchant: MerchantId, source: str, key: str) -> bytes:
    """Return what is stored of a delivery's key."""
    return hashlib.sha256(f"{merchant}\x1f{source}\x1f{key}".encode()).digest()[:KEY_BYTES]


def oldest_id_of(milliseconds: int) -> UUID:
    """Return the smallest id an instant can have: all earlier ids sort before it."""
    return UUID(int=milliseconds << 80)


def _bounded(facts: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the facts without those that are too large, which are counted."""
    kept, left_out = within_bounds(facts)
    if left_out:
        FACTS_LEFT_OUT.labels(source).inc(left_out)
    return kept
