"""Who stands behind orders, carts and customers, and who stood there before their number changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from services.ingest.domain.announcements import Addressee
from services.ingest.domain.parsed_deliveries import OrderTotal


class People:
    """What is known of the people behind some joins, and what a batch of deliveries adds to it."""

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
        self._former = {join: [*people] for join, people in former.items()}
        self.learnt: dict[bytes, Addressee] = {}
        """Whom each join leads to now, where this batch says so."""
        self.displaced: dict[bytes, tuple[bytes, Addressee]] = {}
        """Whom a join led to before this batch, by the key of their row."""
        self.emptied: set[bytes] = set()
        """Places where nobody's permission stands any more."""

    def behind(self, joins: Iterable[bytes]) -> Addressee | None:
        """Return whom the first join that is known leads to."""
        return next((self._known[join] for join in joins if join in self._known), None)

    def ever_behind(self, joins: Iterable[bytes], but: Addressee | None) -> tuple[Addressee, ...]:
        """Return everybody whom these joins ever led to, each once, without one of them."""
        found: dict[object, Addressee] = {}
        for join in joins:
            for person in (*self._former.get(join, ()), *filter(None, (self._known.get(join),))):
                found[person.recipient_id] = person
        if but is not None:
            found.pop(but.recipient_id, None)
        return tuple(found.values())

    def numbers_of(self, joins: Iterable[bytes]) -> int:
        """Return how many people these joins led to before."""
        return len({person.recipient_id for join in joins for person in self._former.get(join, ())})

    def is_known_newer(self, join: bytes, as_of: datetime | None) -> bool:
        """Return whether what is known of a join is newer than an instant."""
        known = self._as_of.get(join)
        return as_of is not None and known is not None and known > as_of

    def as_of(self, join: bytes) -> datetime | None:
        """Return when a join came to lead where it does, where that is known."""
        return self._as_of.get(join)

    def total(self, join: bytes) -> OrderTotal | None:
        """Return what was told of an order's money."""
        return self._totals.get(join)

    def note_total(self, join: bytes, total: OrderTotal) -> None:
        """Remember what is told of an order's money, where anybody stands behind it."""
        known = self._known.get(join)
        if known is not None:
            self._totals[join] = total
            self.learnt.setdefault(join, known)

    def learn(self, joins: Iterable[bytes], person: Addressee, as_of: datetime | None = None) -> dict[bytes, Addressee]:
        """Let joins lead to a person from now on, and return who else they led to before, who is not forgotten.

        Args:
            joins: hashed; one of which something newer is known stays.
            person: whom they lead to.
            as_of: since when, where the delivery says.
        """
        others = {}
        for join in joins:
            if self.is_known_newer(join, as_of):
                continue
            before = self._known.get(join)
            if before is not None and before.recipient_id != person.recipient_id:
                others[join] = before
                self._former.setdefault(join, []).append(before)
                self.displaced[join + before.recipient_id.bytes] = (join, before)
            self._known[join] = self.learnt[join] = person
            if as_of is not None:
                self._as_of[join] = as_of
        return others

    def stand(self, place: bytes, person: Addressee, as_of: datetime) -> None:
        """Remember who gives permission at a place."""
        self._known[place] = self.learnt[place] = person
        self._as_of[place] = as_of
        self.emptied.discard(place)

    def empty(self, place: bytes) -> None:
        """Forget who gave permission at a place."""
        self._known.pop(place, None)
        self.learnt.pop(place, None)
        self.emptied.add(place)
