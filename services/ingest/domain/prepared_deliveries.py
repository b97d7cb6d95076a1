"""A delivery ready to be recorded: identifiers hashed, personal data encrypted. Only the tables can add to it."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from services.ingest.domain.announcements import Addressee, Origin, UnsealedClaim
from services.ingest.domain.parsed_deliveries import ParseResult
from shared.events.envelope import Sealed

KEY_BYTES: Final = 16
"""Length of the stored hashes of delivery keys and of identifiers."""
EVENTS_API: Final = "api"
"""The source of `POST /v1/events`: a reused id with another body is refused there as a conflict."""


@dataclass(frozen=True, slots=True)
class PreparedDelivery:
    """A delivery as the store records it."""

    origin: Origin
    topic: str
    key_hashes: tuple[bytes, ...]
    body_sha256: bytes
    """Keyed with the hash key of recipients, so that a guessed body cannot be tested without it."""
    unkeyed_sha256: bytes
    """The hash that earlier versions stored."""
    body: Sealed
    headers: Sealed
    outcome: ParseResult
    addressee: Addressee | None
    """The person whose number the delivery holds."""
    remembered: Addressee | None
    """The same person with the provenance that a later event without a number will find."""
    identifiers: tuple[bytes, ...]
    """Hashed, best first."""
    lasting_identifiers: tuple[bytes, ...]
    """Those that may lead to this number from now on."""
    facts: tuple[Sealed, ...]
    claims: tuple[UnsealedClaim, ...]
    """Encrypted later: the place they are bound to depends on the recipient, which the tables may correct."""
    number_change_facts: tuple[Sealed, ...] = ()
    collection_point: bytes | None = None
    """Hash of the place where consent is given or withdrawn."""
    collection_person: Addressee | None = None
    """The person whose number stands at that place, if the delivery reports no consent there."""

    @property
    def every_identifier(self) -> tuple[bytes, ...]:
        """Its identifiers, and its collection point."""
        return self.identifiers if self.collection_point is None else (*self.identifiers, self.collection_point)


def with_key_of_body(arrival: PreparedDelivery) -> PreparedDelivery:
    """Return an arrival whose id was used before with another body, keyed by its id and its body together.

    A repeat has the same id and the same body. Platforms do not sign their ids, so another body under a known id is
    either new or an attempt to have it dropped as a repeat; it is recorded.
    """
    both = (hashlib.sha256(key + arrival.body_sha256).digest()[:KEY_BYTES] for key in arrival.key_hashes)
    return replace(arrival, key_hashes=tuple(both))
