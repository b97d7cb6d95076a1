"""Limits on texts to people a merchant does not know, and on a day's spending: which texts wait, until when. Pure.

SMS pumping: the owner of a block of numbers, who earns by each text to it, fills in a shop's form to make it send
there. It shows in three ways: many new people in an hour, many in one block, and neighbouring numbers.
"""

import zlib
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple

from services.compliance.gate.inputs import Limit
from services.compliance.gate.verdicts import Reason
from shared.config.limits import Limits, Spend, in_micros
from shared.events.follow_up import Purpose

HOUR: Final = timedelta(hours=1)
LOOK_AGAIN: Final = timedelta(minutes=30)
"""How often a text that waits for the release of neighbouring numbers is judged again."""
RECENT: Final = 100
"""How many of the newest people are compared for neighbouring numbers."""
PREFIXES: Final = 4096
"""How many counters there are for blocks of ten thousand numbers; blocks that share one count too high, never low."""
_MOST = 65_535
_LONGEST_HOURS = 24
_SPREAD = 0x9E3779B97F4A7C15
_WHOLE = (1 << 53) - 1


class Newcomer(NamedTuple):
    """A person the merchant has not texted yet, as keyed hashes only."""

    person: int
    prefix: int | None
    """Counter of the number's block of ten thousand; None for numbers that are never assigned (films, tests)."""
    blocks: tuple[int, ...] = ()
    """Hashes of the number's block of a hundred, and of a block shifted by fifty, so that runs across borders count."""
    key: str | None = None
    """The id of the API key that asked for the text."""


class RememberedNewcomer(NamedTuple):
    """A newcomer as remembered for an hour."""

    at_seconds: int
    person: int
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LimitWait:
    """A text has to wait, and the limit that it met."""

    limit: Limit
    bound: str
    """hour, key, prefix, adjacent."""


@dataclass(slots=True)
class Tally:
    """One merchant's counts of new people in this hour; `ask` adds to them."""

    hour: datetime
    asked: int = 0
    by_key: Counter[str] = field(default_factory=Counter)
    by_prefix: "array[int]" = field(default_factory=lambda: array("H", bytes(2 * PREFIXES)))
    recent: deque[RememberedNewcomer] = field(default_factory=deque)
    """Oldest first, each person once."""
    held_since: datetime | None = None
    _alike: Counter[int] = field(default_factory=Counter)
    _people: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Count the blocks of the remembered newcomers."""
        self._alike.update(chain.from_iterable(newest.blocks for newest in self.recent))
        self._people.update(newest.person for newest in self.recent)

    def ask(self, who: Newcomer, most: Limits, now: datetime) -> LimitWait | None:
        """Count a text to a new person; return why it waits, None if it may go."""
        if self.held_since is None and self._is_in_a_run(who, most.adjacent_numbers, now):
            self.held_since = now
        if self.held_since is not None:
            return LimitWait(Limit(Reason.ADJACENT_NUMBERS, now + LOOK_AGAIN), "adjacent")
        self._roll(now)
        for bound, before, cap in self._counted(who, most):
            hours = _hours_to_wait(before, cap)
            if hours:
                return LimitWait(Limit(Reason.NEW_PEOPLE, self.hour + hours * HOUR), bound)
        return None

    def _counted(self, who: Newcomer, most: Limits) -> Iterator[tuple[str, int, int]]:
        """Count towards each limit, the narrowest first; a text that meets one does not count for the next."""
        if who.prefix is not None:
            before = self.by_prefix[who.prefix]
            self.by_prefix[who.prefix] = min(_MOST, before + 1)
            yield "prefix", before, most.new_people_per_prefix_per_hour
        if who.key is not None:
            self.by_key[who.key] += 1
            yield "key", self.by_key[who.key] - 1, most.new_people_per_key_per_hour
        self.asked += 1
        yield "hour", self.asked - 1, most.new_people_per_hour

    def release(self) -> None:
        """Release texts to new people; those remembered so far count no longer."""
        self.held_since = None
        while self.recent:
            self._forget_oldest()

    def _roll(self, now: datetime) -> None:
        """Start new counts in a new hour."""
        hour = hour_of(now)
        if hour != self.hour:
            self.hour, self.asked, self.by_key = hour, 0, Counter()
            self.by_prefix = array("H", bytes(2 * PREFIXES))

    def _is_in_a_run(self, who: Newcomer, adjacent: int, now: datetime) -> bool:
        """Remember a newcomer; return whether too many of the newest have neighbouring numbers."""
        since = int((now - HOUR).timestamp())
        while self.recent and self.recent[0].at_seconds <= since:
            self._forget_oldest()
        if not who.blocks or who.person in self._people:
            return False
        self.recent.append(RememberedNewcomer(int(now.timestamp()), who.person, who.blocks))
        alike = self._alike
        for block in who.blocks:
            alike[block] = alike.get(block, 0) + 1
        self._people.add(who.person)
        if len(self.recent) > RECENT:
            self._forget_oldest()
        return max(map(alike.__getitem__, who.blocks)) >= adjacent

    def _forget_oldest(self) -> None:
        oldest = self.recent.popleft()
        self._people.discard(oldest.person)
        for block in oldest.blocks:
            self._alike[block] -= 1
            if not self._alike[block]:
                del self._alike[block]


def newcomer(person: int, number: str, prefix_hash: int, key: str | None = None) -> Newcomer:
    """Return a newcomer, given the keyed hash of their number without its last four digits."""
    tail = int(number[-4:])
    places = (tail // 100, 200 + (tail + 50) // 100)
    blocks = tuple((prefix_hash + place * _SPREAD) & _WHOLE for place in places)
    return Newcomer(person, prefix_hash % PREFIXES, blocks, key)


def hour_of(now: datetime) -> datetime:
    """Return the beginning of an instant's hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def _hours_to_wait(before: int, cap: int) -> int:
    """Return after how many hours there is room after those counted before; each text is then judged again once.

    A day at most, so that a flood does not delay later texts for ever.
    """
    return _LONGEST_HOURS if cap == 0 else min(_LONGEST_HOURS, before // cap)


def packed(counts: "array[int]") -> bytes:
    """Return the counters of blocks compressed: most are 0."""
    return zlib.compress(counts.tobytes(), 1)


def unpacked(kept: bytes) -> "array[int]":
    """Return the counters that `packed` compressed."""
    return array("H", zlib.decompress(kept))


@dataclass(frozen=True, slots=True)
class Budget:
    """What a UTC day's texts may cost, in millionths of the currency's unit."""

    currency: str
    micros: int
    hard_micros: int
    estimate_micros: int
    """Of one part of a text whose price is unknown."""

    @classmethod
    def of(cls, spend: Spend) -> "Budget":
        """Return a merchant's budget."""
        per_day, hard_per_day = in_micros(spend.per_day), in_micros(spend.hard_per_day)
        return cls(spend.currency, per_day, hard_per_day, in_micros(spend.estimate_per_part))

    def cost(self, price_micros: int | None, currency: str | None, parts: int) -> int:
        """Return what a text counts as."""
        if price_micros is None or currency != self.currency:
            return self.estimate_micros * max(1, parts)
        return price_micros

    def limit(self, spent_micros: int, purpose: Purpose, now: datetime) -> Limit | None:
        """Return until when a text waits: marketing beyond `micros`, everything else beyond `hard_micros`."""
        most = self.micros if purpose is Purpose.MARKETING else self.hard_micros
        return Limit(Reason.SPEND_LIMIT, next_day(now)) if spent_micros >= most else None


def day_of(now: datetime) -> datetime:
    """Return the last midnight UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def next_day(now: datetime) -> datetime:
    """Return the next midnight UTC."""
    return day_of(now) + timedelta(days=1)
