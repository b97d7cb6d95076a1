"""Who stands behind orders, carts and customers, and who stood there before their number changed."""

from collections.abc import Iterable, Mapping, Sequence

from services.ingest.domain.announcements import Addressee


class People:
    """What is known of the people behind some joins, and what a batch of deliveries adds to it."""

    def __init__(self, known: Mapping[bytes, Addressee], former: Mapping[bytes, Sequence[Addressee]]) -> None:
        self._known = dict(known)
        self._former = {join: [*people] for join, people in former.items()}
        self.learnt: dict[bytes, Addressee] = {}
        """Whom each join leads to now, where this batch says so."""
        self.displaced: dict[bytes, tuple[bytes, Addressee]] = {}
        """Whom a join led to before this batch, by the key of their row."""

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

    def learn(self, joins: Iterable[bytes], person: Addressee) -> None:
        """Let joins lead to a person from now on; whom they led to before is not forgotten."""
        for join in joins:
            before = self._known.get(join)
            if before is not None and before.recipient_id != person.recipient_id:
                self._former.setdefault(join, []).append(before)
                self.displaced[join + before.recipient_id.bytes] = (join, before)
            self._known[join] = self.learnt[join] = person
