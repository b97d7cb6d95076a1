"""What happens at the shop in thirty days: who buys, returns, signs up and leaves, and when (pure).

The same seed, size and end give the same script. It says what people and the shop do by themselves; what they do
because of a text they received is in `reactions`.
"""

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.demo.history.people import Agreement, Customer, customers
from services.demo.history.reactions import ReplyKind

DAYS: Final = 30
MOST_TEXTS: Final = 3000
"""The history never plans more."""
ZONE: Final = ZoneInfo("America/New_York")
"""The shop's own."""
_BY_WEEKDAY: Final = (0.85, 0.8, 0.9, 1.0, 1.15, 1.35, 1.05)
"""Monday to Sunday."""
_BY_HOUR: Final = {8: 2, 9: 4, 10: 6, 11: 7, 12: 9, 13: 7, 14: 5, 15: 5, 16: 6, 17: 7, 18: 8, 19: 10, 20: 9, 21: 5}
_GROWTH: Final = 0.35
"""How much busier the last day is than the first."""
_LAST_HOUR: Final = 22
_SPREAD: Final = timedelta(seconds=17)
"""After a full hour: texts that waited for the morning are spread over a quarter of a minute."""
_FULL_HOURS: Final = range(2, 16)
"""Hours of New York in which it is morning or noon somewhere: then texts are due that wait for a time of day."""
_WINDOW_SECONDS: Final = 150
"""What happens within so many seconds is worked on together."""
_DRIFT_SECONDS: Final = 100
BASKETS_MINOR: Final = (1850, 2450, 2900, 3400, 4900, 4900, 5350, 6200, 7400, 9800, 12400)
_LETTERS: Final = (
    (5, (ReplyKind.QUESTION, ReplyKind.PRAISE, ReplyKind.UNCLEAR)),
    (9, (ReplyKind.STOP, ReplyKind.UNCLEAR)),
    (12, (ReplyKind.HELP, ReplyKind.QUESTION, ReplyKind.PRAISE)),
    (-2, (ReplyKind.PRAISE, ReplyKind.QUESTION)),
    (-1, (ReplyKind.QUESTION, ReplyKind.UNCLEAR, ReplyKind.QUESTION)),
)
"""Who writes on which day, whatever else is drawn; nobody has read what was written on the last day."""
TEXTS_PER_ORDER: Final = 5
TEXTS_PER_CART: Final = 2


class Happening(StrEnum):
    """What may happen."""

    IMPORT = "import"
    """The consents that the shop collected before."""
    ORDER = "order"
    CART = "cart"
    """A checkout that is begun; `minor` is its value."""
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    REFUND = "refund"
    SIGN_UP = "sign_up"
    NOT_SEEN = "not_seen"
    """The shop's own system says that a customer has not ordered for long."""
    PAUSE = "pause"
    RESUME = "resume"
    LETTER = "letter"
    """Somebody who was written to writes; `words` is what they mean."""
    STRANGER = "stranger"
    """Somebody writes whom the shop never wrote to."""
    SHORT_CODE = "short_code"
    """A text comes from a number that is no phone's."""
    ERASURE = "erasure"
    SUPPORT = "support"
    """Somebody at the shop reads what customers wrote."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """One thing that happens."""

    at: datetime
    what: Happening
    customer: Customer | None = None
    order: int = 0
    minor: int = 0
    letter: ReplyKind | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that happens, and the instants at which the clock stops so that it is worked on."""

    people: Sequence[Customer]
    acts: Sequence[Scripted]
    stops: Sequence[datetime]
    begins_at: datetime
    ends_at: datetime

    def stop_at(self, earliest: datetime) -> datetime:
        """Return the first stop not before an instant; the end where there is none."""
        return self.stops[min(bisect_left(self.stops, earliest), len(self.stops) - 1)]

    def awake_at(self, earliest: datetime, customer: Customer) -> datetime:
        """Return the first stop not before an instant at which a customer is awake."""
        at = self.stop_at(earliest)
        local = at.astimezone(ZONE)
        if customer.country in {"US", "CA"} and local.hour < min(_BY_HOUR):
            at = self.stop_at(local.replace(hour=min(_BY_HOUR), minute=2))
        return at


def write_script(begins_at: datetime, ends_at: datetime, *, texts: int, seed: int) -> Script:
    """Return what happens between two instants.

    Args:
        begins_at: nothing happens before.
        ends_at: nothing happens after.
        texts: about how many are planned, 150 to 2,400.
        seed: of everything that is drawn.
    """
    chance = random.Random(f"script {seed}")  # noqa: S311 - a story that repeats, not a secret
    orders = max(24, round(texts * 0.16))
    people = customers(min(520, max(60, orders)), seed)
    hours = list(_busy_hours(begins_at, ends_at, chance))
    weights = [weight for _, weight in hours]
    acts = [*_beginning(begins_at, people)]
    for number in range(1, orders + 1):
        at = _within(chance.choices(hours, weights)[0][0], chance)
        acts += _order_and_what_follows(at, number, _buyer(people, chance), chance)
    for number in range(orders // 2):
        at = _within(chance.choices(hours, weights)[0][0], chance)
        minor = chance.choice(BASKETS_MINOR)
        acts.append(Scripted(at, Happening.CART, _buyer(people, chance), orders + number, minor))
    acts += _sign_ups_and_absences(people, hours, orders, chance)
    acts += _interruptions(people, [hour for hour, _ in hours], chance)
    stops = _stops(hours, begins_at, ends_at)
    near = [replace(act, at=_near(act.at, stops, chance)) for act in acts if begins_at <= act.at < ends_at]
    return Script(people, sorted(near, key=lambda act: (act.at, act.order)), stops, begins_at, ends_at)


def _busy_hours(begins_at: datetime, ends_at: datetime, chance: random.Random) -> Iterator[tuple[datetime, float]]:
    """Return for each hour of each day when the clock stops in it, and how busy the hour before that instant is."""
    day = begins_at.astimezone(ZONE).date()
    last = ends_at.astimezone(ZONE).date()
    span = max(1, (last - day).days)
    for number in range(span + 1):
        today = day + timedelta(days=number)
        minute = chance.randrange(6, 50)
        busy = _BY_WEEKDAY[today.weekday()] * (1 + _GROWTH * number / span) * chance.uniform(0.8, 1.2)
        at = datetime.combine(today, time(min(_BY_HOUR), minute), ZONE)
        for hour in range(min(_BY_HOUR), _LAST_HOUR + 1):
            if begins_at < at < ends_at:
                yield at, busy * _BY_HOUR.get(hour, 0)
            at += timedelta(hours=1, seconds=chance.randrange(_DRIFT_SECONDS))


def _stops(hours: Sequence[tuple[datetime, float]], begins_at: datetime, ends_at: datetime) -> list[datetime]:
    """Return every stop: those of the hours, and each full hour, when texts that wait for a time of day are due."""
    first = begins_at.replace(minute=0, second=0, microsecond=0) + _SPREAD
    full = [first + timedelta(hours=n) for n in range(int((ends_at - begins_at) / timedelta(hours=1)) + 1)]
    waited_for = {at for at in full if begins_at < at < ends_at and at.astimezone(ZONE).hour in _FULL_HOURS}
    found = {at for at, _ in hours} | waited_for
    return [*sorted(found), ends_at]


def _near(at: datetime, stops: Sequence[datetime], chance: random.Random) -> datetime:
    """Return an instant shortly before the next stop: what is due at once must not wait for it."""
    stop = stops[min(bisect_left(stops, at), len(stops) - 1)]
    return at if stop - at <= timedelta(seconds=_WINDOW_SECONDS) else _within(stop, chance)


def _within(stop: datetime, chance: random.Random) -> datetime:
    """Return an instant shortly before a stop."""
    return stop - timedelta(seconds=chance.uniform(1, _WINDOW_SECONDS))


def _buyer(people: Sequence[Customer], chance: random.Random) -> Customer:
    """Return who buys: some come often."""
    return people[int(len(people) * chance.random() ** 1.6)]


def _beginning(begins_at: datetime, people: Sequence[Customer]) -> Iterator[Scripted]:
    yield Scripted(begins_at, Happening.IMPORT, people[0])


def _order_and_what_follows(at: datetime, number: int, buyer: Customer, chance: random.Random) -> Iterator[Scripted]:
    """Return an order, its parcel, and sometimes its return."""
    minor = chance.choice(BASKETS_MINOR)
    yield Scripted(at, Happening.ORDER, buyer, number, minor)
    if chance.random() < 0.03:  # noqa: PLR2004 - a share of orders that are called off at once
        yield Scripted(at + timedelta(minutes=40), Happening.REFUND, buyer, number, minor)
        return
    shipped_at = at + timedelta(hours=chance.uniform(16, 30))
    yield Scripted(_at_work(shipped_at), Happening.SHIPPED, buyer, number, minor)
    delivered_at = _at_work(shipped_at + timedelta(days=chance.choice((2, 2, 3, 4))))
    yield Scripted(delivered_at, Happening.DELIVERED, buyer, number, minor)
    if chance.random() < 0.06:  # noqa: PLR2004 - a share of parcels that come back
        part = minor if chance.random() < 0.6 else minor // 2  # noqa: PLR2004 - some keep one bag
        yield Scripted(delivered_at + timedelta(days=chance.choice((1, 2, 4))), Happening.REFUND, buyer, number, part)


def _at_work(at: datetime) -> datetime:
    """Move an instant into the hours in which parcels are handled."""
    local = at.astimezone(ZONE)
    return local.replace(hour=13 + local.hour % 4)


def _sign_ups_and_absences(
    people: Sequence[Customer], hours: Sequence[tuple[datetime, float]], orders: int, chance: random.Random
) -> Iterator[Scripted]:
    """Return who signs up for texts on the website, and who has not ordered for long."""
    willing = [each for each in people if not each.is_old and each.standing is not Agreement.NONE]
    for customer in chance.sample(willing, min(len(willing), max(6, orders // 5))):
        yield Scripted(_within(chance.choice(hours)[0], chance), Happening.SIGN_UP, customer)
    absent = [each for each in people[len(people) // 3 :] if each.is_old]
    for customer in chance.sample(absent, min(len(absent), max(8, orders // 4))):
        yield Scripted(_within(chance.choice(hours)[0], chance), Happening.NOT_SEEN, customer)


def _interruptions(people: Sequence[Customer], hours: Sequence[datetime], chance: random.Random) -> Iterator[Scripted]:
    """Return what happens now and then: a pause, strangers, an erasure, and rounds of the inbox."""
    days: dict[object, list[datetime]] = {}
    for hour in hours:
        days.setdefault(hour.date(), []).append(hour)
    each_day = [found for found in days.values() if len(found) > 9]  # noqa: PLR2004 - whole days
    for number, found in enumerate(each_day):
        if number < len(each_day) - 1:  # what was written yesterday and today still waits
            yield Scripted(found[2], Happening.SUPPORT)
            yield Scripted(found[8], Happening.SUPPORT)
    for number, kinds in _LETTERS:
        if -number <= len(each_day) and number < len(each_day):
            found = each_day[number]
            for place, kind in enumerate(kinds):
                yield Scripted(_within(found[4 + 2 * place], chance), Happening.LETTER, letter=kind)
    if each_day:
        middle = each_day[len(each_day) // 2]
        yield Scripted(middle[1], Happening.PAUSE)
        yield Scripted(middle[8], Happening.RESUME)
        yield Scripted(_within(each_day[-2 % len(each_day)][4], chance), Happening.STRANGER)
        yield Scripted(_within(each_day[-1][4], chance), Happening.SHORT_CODE)
        late = each_day[(2 * len(each_day)) // 3]
        yield Scripted(_within(late[5], chance), Happening.ERASURE, people[0])
