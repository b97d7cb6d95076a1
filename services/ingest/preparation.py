"""Prepares a delivery for its unit of work: derives recipient ids and encrypts personal data."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from services.ingest.domain.announcements import Addressee, Origin, UnsealedClaim, trigger_id
from services.ingest.domain.parsed_deliveries import (
    ConsentClaim,
    Identifier,
    ParsedDelivery,
    ParseResult,
    TriggerDraft,
    Unreadable,
)
from services.ingest.domain.people import lasting_identifiers, remembered_provenance
from services.ingest.domain.prepared_deliveries import KEY_BYTES, PreparedDelivery
from services.ingest.instruments import FACTS_LEFT_OUT
from shared import aad
from shared.events.envelope import Sealed
from shared.events.trigger import Contact
from shared.fact_limits import within_bounds
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer

LONGEST_TOPIC_CHARACTERS = 100
UNKEPT_HEADERS = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class ReceivedDelivery:
    """A delivery as received, and its parsed content."""

    origin: Origin
    topic: str
    repeat_keys: Sequence[str]
    """Empty if the source has none: then the body is the key."""
    body: bytes
    headers: Mapping[str, str]
    outcome: ParseResult


class DeliveryPreparer:
    """Derives recipient ids and encrypts personal data."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def prepare(self, delivery: ReceivedDelivery) -> PreparedDelivery:
        """Return the delivery ready to be recorded."""
        merchant, delivery_id = delivery.origin.merchant_id, delivery.origin.delivery_id
        unkeyed = hashlib.sha256(delivery.body).digest()
        body_sha256 = self._sealer.keyed_hash(f"body\x1f{merchant}\x1f{unkeyed.hex()}")
        keys = delivery.repeat_keys or [f"body {body_sha256.hex()}"]
        kept = {name: value for name, value in delivery.headers.items() if name not in UNKEPT_HEADERS}
        parsed = ParsedDelivery() if isinstance(delivery.outcome, Unreadable) else delivery.outcome
        hashes = {one: self._identifier_hash(merchant, one) for one in parsed.identifiers}
        place = parsed.place
        addressee = self._addressee(merchant, parsed.contact) if parsed.contact else None
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
            remembered=self._remembered(merchant, parsed.contact, addressee) if hashes else None,
            identifiers=tuple(hashes.values()),
            lasting_identifiers=tuple(hashes[one] for one in lasting_identifiers(parsed)),
            facts=tuple(self._facts(delivery.origin, trigger) for trigger in parsed.triggers),
            claims=tuple(self._claim(merchant, claim) for claim in parsed.claims),
            number_change_facts=tuple(
                self._facts(delivery.origin, trigger, addressee) for trigger in parsed.on_number_change
            ),
            collection_point=self._identifier_hash(merchant, Identifier("place", place.name)) if place else None,
            collection_person=self._addressee(merchant, place.contact) if place and place.contact else None,
        )

    def _addressee(self, merchant: MerchantId, contact: Contact) -> Addressee:
        recipient_id = self._sealer.recipient_id(merchant, E164(contact.phone))
        return Addressee(recipient_id, self._sealed(merchant, recipient_id, contact), contact.provenance)

    def _remembered(
        self, merchant: MerchantId, contact: Contact | None, addressee: Addressee | None
    ) -> Addressee | None:
        """Return the same person with the provenance that a later event without a number will find."""
        if contact is None or addressee is None:
            return None
        provenance = remembered_provenance(contact.provenance)
        known = contact.model_copy(update={"provenance": provenance})
        return Addressee(addressee.recipient_id, self._sealed(merchant, addressee.recipient_id, known), provenance)

    def _sealed(self, merchant: MerchantId, recipient_id: RecipientId, contact: Contact) -> Sealed:
        clear = contact.__pydantic_serializer__.to_json(contact, exclude_none=True)
        return self._sealer.seal(merchant, aad.contact(recipient_id), clear)

    def _facts(self, origin: Origin, trigger: TriggerDraft, repeated_for: Addressee | None = None) -> Sealed:
        kept, left_out = within_bounds(trigger.facts)
        if left_out:
            FACTS_LEFT_OUT.labels(origin.source).inc(left_out)
        own = aad.trigger_facts(trigger_id(origin, trigger, repeated_for))
        return self._sealer.seal(origin.merchant_id, own, orjson.dumps(kept))

    def _claim(self, merchant: MerchantId, claim: ConsentClaim) -> UnsealedClaim:
        return UnsealedClaim(
            self._addressee(merchant, claim.contact) if claim.contact else None,
            orjson.dumps(claim.evidence) if claim.evidence else None,
            partial(self._sealer.seal, merchant),
        )

    def _identifier_hash(self, merchant: MerchantId, identifier: Identifier) -> bytes:
        return self._sealer.keyed_hash(f"join\x1f{merchant}\x1f{identifier.kind}\x1f{identifier.name}")[:KEY_BYTES]


def key_hash(merchant: MerchantId, source: str, key: str) -> bytes:
    """Return the hash under which a delivery's key is stored."""
    return hashlib.sha256(f"{merchant}\x1f{source}\x1f{key}".encode()).digest()[:KEY_BYTES]
