"""Lives through the script: at each stop the clock moves, people act, and the application does what is due.

The clock only ever moves forward. So the history happens between the demo's story, with which the shop opens thirty
days ago, and now; ids, days of the ledger and everything else that derives from the time come out as they would in a
shop that had run all the while.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Final

from services.demo.actions import SENDER_NUMBER
from services.demo.environment import RunningDemo
from services.demo.history import script as writing
from services.demo.history.people import Agreement, Customer
from services.demo.history.reactions import ANSWERS, WORDS, CustomerReaction, Reacted, ReplyKind, reactions
from services.demo.history.script import MOST_TEXTS, Happening, Script, Scripted
from services.demo.history.shop import ShopLife, faults
from services.virtual_time.stepping import ClockStepper, ProcessEnds

TEXTS: Final = 1000
SEED: Final = 30
SPAN: Final = timedelta(days=writing.DAYS - 1)
"""Thirty days with today: all of it is in the console's last 30 days."""
_AFTER_THE_STORY: Final = timedelta(hours=2)
_HOUSE_EVERY: Final = timedelta(hours=11)
_UNTIL_READ: Final = timedelta(seconds=90)
"""How long the shop takes to look at a reply that may be an opt-out."""
_LEFT_OPEN: Final = timedelta(days=1.5)
"""What comes so late is still to be decided at the end."""
_ECHO: Final = timedelta(minutes=6)
"""What comes so soon after a reply answers it, and nobody reacts to that."""


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """How far the history is."""

    done: int
    of: int
    at: datetime


@dataclass(slots=True)
class _Person:
    """What somebody has received and written so far."""

    received: int = 0
    wrote_at: datetime | None = None
    has_stopped: bool = False


@dataclass(slots=True)
class ShopHistory:
    """One run of the script on a running demo."""

    stepper: ClockStepper
    life: ShopLife
    script: Script
    seed: int
    tell: Callable[[HistoryProgress], None]
    _later: dict[datetime, list[tuple[Customer, Reacted, str]]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _people: dict[str, _Person] = field(default_factory=dict)
    _unread: list[tuple[Customer, ReplyKind]] = field(default_factory=list)
    _carts: dict[int, int] = field(default_factory=dict)
    """The newest checkout of a customer that is not completed."""
    _shipped: dict[int, datetime] = field(default_factory=dict)
    """When the parcel of an order left."""
    _agreed: set[int] = field(default_factory=set)
    _planned: int = 0
    _orders: Iterator[int] = field(default_factory=partial(count, 100_000))
    """Numbers of the orders that people place because of a text."""
    _letters: Iterator[int] = field(default_factory=count)

    async def live(self) -> None:
        """Live through everything.

        Raises:
            ProcessEnds: the process ends; what has happened so far is complete.
            ShopRefused: the application refused something that a shop may do.
        """
        await self.life.misbehave(faults(self.script.people), self.seed)
        by_phone = {person.phone: person for person in self.script.people}
        acts = list(self.script.acts)
        house_at = self.script.begins_at
        for number, stop in enumerate(self.script.stops, 1):
            while acts and acts[0].at <= stop:
                await self._act(acts.pop(0))
            self.stepper.move_to(stop)
            for person, reacted, text in self._later.pop(stop, ()):
                await self._react(person, reacted, text, stop)
            if await self.stepper.settle():
                await self._look_at_phones(by_phone, stop)
            if stop >= house_at:
                await self.stepper.keep_house()
                house_at = stop + _HOUSE_EVERY
            self.tell(HistoryProgress(number, len(self.script.stops), stop))
        await self.life.misbehave((), self.seed)

    async def _act(self, act: Scripted) -> None:
        self.stepper.move_to(act.at)
        match act:
            case Scripted(what=Happening.IMPORT):
                old = [person for person in self.script.people if person.is_old]
                self._agreed |= {person.place for person in old}
                await self.life.import_consents(old, act.at)
            case Scripted(what=Happening.SUPPORT):
                await self._read_the_inbox()
            case Scripted(what=Happening.LETTER, letter=ReplyKind() as kind):
                await self._receive_letter(kind, act.at)
            case Scripted(what=Happening.STRANGER):
                await self.life.write_as_stranger("Hi, is this the shop on Main Street?")
            case Scripted(what=Happening.SHORT_CODE):
                await self.life.write_from_short_code("Free msg: your bill is ready. Reply 1 for details.")
            case Scripted(what=Happening.PAUSE):
                await self.life.control("pause", "abandoned-cart", "the offer names the wrong day")
                await self._obey()
            case Scripted(what=Happening.RESUME):
                await self.life.control("resume", "abandoned-cart", "the offer is right now")
                await self._obey()
            case Scripted(customer=Customer() as customer):
                await self._act_of(act, customer)

    async def _act_of(self, act: Scripted, customer: Customer) -> None:
        match act.what:
            case Happening.ORDER:
                await self._buy(customer, act.order, act.minor, act.at)
            case Happening.CART if self._may_plan(writing.TEXTS_PER_CART):
                self._carts[customer.place] = act.order
                await self.life.cart(customer, act.order, act.minor, act.at)
            case Happening.SHIPPED | Happening.DELIVERED:
                is_delivered = act.what is Happening.DELIVERED
                shipped_at = self._shipped.setdefault(act.order, act.at)
                await self.life.parcel(act.order, shipped_at, act.at, is_delivered=is_delivered)
            case Happening.REFUND:
                await self.life.refund(act.order, act.minor, act.at)
            case Happening.SIGN_UP if self._may_plan(1):
                await self._agree(customer, act.at)
                await self.life.custom("custom.signed_up", customer, act.at)
            case Happening.NOT_SEEN if self._may_plan(1):
                await self.life.custom("custom.not_seen", customer, act.at)
            case Happening.ERASURE:
                await self.life.erase(customer, act.at)
                await self.stepper.settle()

    async def _buy(self, customer: Customer, number: int, minor: int, at: datetime) -> None:
        if self._may_plan(writing.TEXTS_PER_ORDER):
            await self._agree(customer, at)
            await self.life.order(customer, number, minor, at, self._carts.pop(customer.place, None))

    async def _agree(self, customer: Customer, at: datetime) -> None:
        """Let a customer tick the box for offers at their first visit, if they do."""
        if customer.place not in self._agreed and customer.standing is not Agreement.NONE:
            await self.life.consent(customer, at)
        self._agreed.add(customer.place)

    def _may_plan(self, texts: int) -> bool:
        """Count texts that will be planned, and return whether so many still may."""
        if self._planned + texts > MOST_TEXTS:
            return False
        self._planned += texts
        return True

    async def _obey(self) -> None:
        await self.stepper.settle()
        await self.stepper.keep_house()

    # ---- what people do about texts

    async def _look_at_phones(self, by_phone: dict[str, Customer], stop: datetime) -> None:
        """Let everybody who received a text since the last look decide what to do about it."""
        fresh = [text for text in await self.life.texts_received() if text["sid"] not in self._seen]
        self._seen |= {text["sid"] for text in fresh}
        for text in sorted(fresh, key=lambda text: (text["to"], text["body"])):
            customer = by_phone.get(text["to"])
            if customer is None or text["status"] != "delivered":
                continue
            person = self._people.setdefault(customer.phone, _Person())
            person.received += 1
            is_echo = person.wrote_at is not None and stop - person.wrote_at < _ECHO
            if person.has_stopped or is_echo:
                continue
            for each in reactions(customer, person.received, has_link="/r/" in text["body"], seed=self.seed):
                at = self.script.awake_at(stop + each.after, customer)
                if at < self.script.ends_at:
                    self._later.setdefault(at, []).append((customer, each, text["body"]))

    async def _react(self, customer: Customer, reacted: Reacted, text: str, at: datetime) -> None:
        person = self._people[customer.phone]
        match reacted.what:
            case CustomerReaction.CLICK | CustomerReaction.ROBOT_CLICK:
                await self.life.open_link(text, is_robot=reacted.what is CustomerReaction.ROBOT_CLICK)
            case CustomerReaction.ORDER:
                minor = writing.BASKETS_MINOR[(customer.place + person.received) % len(writing.BASKETS_MINOR)]
                await self._buy(customer, next(self._orders), minor, at)
            case CustomerReaction.REPLY if reacted.kind is not None and not person.has_stopped:
                await self._write(customer, reacted.words, reacted.kind, at)

    async def _receive_letter(self, kind: ReplyKind, at: datetime) -> None:
        """Let the next customer write who was written to and has not written yet."""
        for customer in self.script.people:
            person = self._people.get(customer.phone)
            if person is not None and person.wrote_at is None:
                words = WORDS[customer.locale[:2]][kind]
                await self._write(customer, words[next(self._letters) % len(words)], kind, at)
                return

    async def _write(self, customer: Customer, words: str, kind: ReplyKind, at: datetime) -> None:
        person = self._people[customer.phone]
        person.wrote_at, person.has_stopped = at, kind is ReplyKind.STOP
        await self.life.write(customer.phone, words)
        await self.stepper.settle()
        self._unread.append((customer, kind))
        if kind is ReplyKind.UNCLEAR and at < self.script.ends_at - _LEFT_OPEN:
            self.stepper.move_to(at + _UNTIL_READ)
            await self._read_the_inbox()
            await self.stepper.settle()

    # ---- support

    async def _read_the_inbox(self) -> None:
        """Answer questions, thank for praise, and decide about what was unclear."""
        unread, self._unread = self._unread, []
        for customer, kind in unread:
            recipient_id = await self.life.recipient_id(customer)
            if kind is ReplyKind.QUESTION:
                await self.life.answer(customer, ANSWERS[customer.locale[:2]])
                await self.life.handle(recipient_id, "assign", {"who": "maria"})
            if kind is ReplyKind.UNCLEAR:
                await self.life.handle(recipient_id, "review", {"was_opt_out": customer.place % 2 == 0})
            if kind in {ReplyKind.PRAISE, ReplyKind.QUESTION, ReplyKind.UNCLEAR}:
                await self.life.handle(recipient_id, "read", {})
            if kind is ReplyKind.PRAISE:
                await self.life.handle(recipient_id, "close", {})


async def fill(
    running: RunningDemo,
    until: datetime,
    tell: Callable[[HistoryProgress], None],
    *,
    span: timedelta = SPAN,
    texts: int = TEXTS,
    seed: int = SEED,
    is_ending: Callable[[], bool] = lambda: False,
) -> bool:
    """Let the shop live from where its clock is until an instant; return False where the process ended before.

    Args:
        running: the demo, whose clock began `span` before `until`, and in which the story has happened since.
        until: where the clock is left.
        tell: called after each stop of the clock.
        span: how long the history is.
        texts: about how many texts are planned; never more than `MOST_TEXTS`.
        seed: of everything that is drawn; the same seed, size and instants give the same shop.
        is_ending: whether the process ends.
    """
    life = ShopLife(running.actions.client, running.secrets, SENDER_NUMBER)
    plan = writing.write_script(until - span + _AFTER_THE_STORY, until, texts=texts, seed=seed)
    try:
        async with ClockStepper.stepping(running.application, running.clock, is_ending) as stepper:
            await stepper.settle()
            await ShopHistory(stepper, life, plan, seed, tell).live()
    except ProcessEnds:
        return False
    return True
