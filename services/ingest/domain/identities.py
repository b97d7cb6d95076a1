"""Which person each order, cart and customer belongs to, and belonged to before its number changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from services.ingest.domain.announcements import Addressee
from services.ingest.domain.parsed_deliveries import OrderTotal


class Identities:
    """The stored people behind some identifiers (hashed), and what a batch of deliveries changes."""

    def __init__(
        self,
        known: Mapping[bytes, Addressee],
        former: Mapping[bytes, Sequence[Addressee]],
        as_of: Mapping[bytes, datetime] = MappingProxyType({}),
        totals: Mapping[bytes, OrderTotal] = MappingProxyType({}),
    ) -> None:
        self._known = dict(known)
        self._as_of = dict(as_of)
        self._totals = dict(totals)
        self._former = {identifier: [*people] for identifier, people in former.items()}
        self.changed: dict[bytes, Addressee] = {}
        """The person behind each identifier that this batch set."""
        self.displaced: dict[bytes, tuple[bytes, Addressee]] = {}
        """Identifier and earlier person of each link that this batch replaced, by the key of their row."""
        self.cleared: set[bytes] = set()
        """Collection points at which no number has consent any more."""

    def find(self, identifiers: Iterable[bytes]) -> Addressee | None:
        """Return the person behind the first known identifier."""
        return next((self._known[identifier] for identifier in identifiers if identifier in self._known), None)

    def find_all(self, identifiers: Iterable[bytes], but: Addressee | None) -> tuple[Addressee, ...]:
        """Return every person these identifiers lead to or led to, each once, except one."""
        found: dict[object, Addressee] = {}
        for identifier in identifiers:
            for person in (*self._former.get(identifier, ()), *filter(None, (self._known.get(identifier),))):
                found[person.recipient_id] = person
        if but is not None:
            found.pop(but.recipient_id, None)
        return tuple(found.values())

    def count_former(self, identifiers: Iterable[bytes]) -> int:
        """Return how many people these identifiers led to before."""
        return len({person.recipient_id for one in identifiers for person in self._former.get(one, ())})

    def is_known_newer(self, identifier: bytes, as_of: datetime | None) -> bool:
        """Return whether the stored state of an identifier is newer than an instant."""
        known = self._as_of.get(identifier)
        return as_of is not None and known is not None and known > as_of

    def as_of(self, identifier: bytes) -> datetime | None:
        """Return since when an identifier leads to its person, where that is known."""
        return self._as_of.get(identifier)

    def total(self, identifier: bytes) -> OrderTotal | None:
        """Return the last published total of an order."""
        return self._totals.get(identifier)

    def set_total(self, identifier: bytes, total: OrderTotal) -> None:
        """Store an order's total, if a person is known behind the order."""
        known = self._known.get(identifier)
        if known is not None:
            self._totals[identifier] = total
            self.changed.setdefault(identifier, known)

    def link(
        self, identifiers: Iterable[bytes], person: Addressee, as_of: datetime | None = None
    ) -> dict[bytes, Addressee]:
        """Let identifiers lead to a person, and return the other people they led to until now, who stay on record.

        Args:
            identifiers: hashed; one whose stored state is newer is left unchanged.
            person: the person they lead to.
            as_of: since when, where the delivery says.
        """
        others = {}
        for identifier in identifiers:
            if self.is_known_newer(identifier, as_of):
                continue
            before = self._known.get(identifier)
            if before is not None and before.recipient_id != person.recipient_id:
                others[identifier] = before
                self._former.setdefault(identifier, []).append(before)
                self.displaced[identifier + before.recipient_id.bytes] = (identifier, before)
            self._known[identifier] = self.changed[identifier] = person
            if as_of is not None:
                self._as_of[identifier] = as_of
        return others

    def set_collection_point(self, place: bytes, person: Addressee, as_of: datetime) -> None:
        """Store whose number has consent at a collection point."""
        self._known[place] = self.changed[place] = person
        self._as_of[place] = as_of
        self.cleared.discard(place)

    def clear_collection_point(self, place: bytes) -> None:
        """Store that no number has consent at a collection point."""
        self._known.pop(place, None)
        self.changed.pop(place, None)
        self.cleared.add(place)
