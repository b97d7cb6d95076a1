"""The network: advances each accepted text along its plan in real time and announces its statuses."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from services.simulator import keywords, wire
from services.simulator.clock import SimulatorClock
from services.simulator.config import SimulatorConfig
from services.simulator.plan import expired, inbound_plan, outbound_plan
from services.simulator.record import Hold, TextRecord
from services.simulator.texts import Direction, SimulatedText, TextStatus, TransitLeg, new_sid
from services.simulator.webhooks import CALLS_AT_ONCE, Webhooks

_HELD_TEXTS_LOOKED_AT_EVERY_SECONDS: Final = 0.25


class TextInTransit:
    """One text in transit, and its announcements that are still to be made."""

    __slots__ = ("is_waiting", "owed", "text", "timer")

    def __init__(self, text: SimulatedText) -> None:
        self.text = text
        self.owed: dict[int, int] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.is_waiting = False
        """For time to pass before its next step."""


class Carrier:
    """Advances texts; each step is recorded, so that a restart continues where the last run stopped.

    A status is durable before it is announced. An announcement under way when the process dies is repeated.
    """

    def __init__(self, config: SimulatorConfig, clock: SimulatorClock, record: TextRecord, webhooks: Webhooks) -> None:
        self._config = config
        self._clock = clock
        self._record = record
        self._webhooks = webhooks
        self._in_transit: dict[str, TextInTransit] = {}
        self._outbox: asyncio.Queue[tuple[TextInTransit, int, TextStatus]] = asyncio.Queue()
        self._callers: list[asyncio.Task[None]] = []
        self._moves: set[asyncio.Future[None]] = set()
        self._blocks: set[tuple[str, str]] = set()
        self._holds: dict[str, Hold] = {}
        self._is_stepped = False

    async def start(self) -> None:
        """Continue with every text that the last run left in transit."""
        self._blocks = await self._record.blocks()
        self._holds = await self._record.holds()
        self._callers = [asyncio.create_task(self._call()) for _ in range(CALLS_AT_ONCE)]
        for text in await self._record.open_texts():
            self._set_out(text)

    async def stop(self) -> None:
        """Stop advancing texts; the record holds the state of each."""
        for transit in self._in_transit.values():
            if transit.timer is not None:
                transit.timer.cancel()
        under_way = [*self._callers, *self._moves]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self._callers.clear()
        self._in_transit.clear()

    @contextmanager
    def stepped(self) -> Iterator[None]:
        """Let no text move by itself inside the block: `step` moves them, for whoever drives the clock."""
        self._is_stepped = True
        for transit in self._in_transit.values():
            self._forget_timer(transit)
        try:
            yield
        finally:
            self._is_stepped = False
            for transit in self._in_transit.values():
                if transit.is_waiting:
                    self._schedule(transit)

    async def step(self) -> None:
        """Move every text that waits for time to pass by one step, and wait until it has been announced."""
        for transit in [*self._in_transit.values()]:
            if transit.is_waiting:
                self._advance(transit)
        await self.settled()

    async def settled(self) -> None:
        """Wait until what was reached is recorded and announced, and every announcement answered."""
        while self._moves or self._announcing:
            await asyncio.gather(*self._moves, return_exceptions=True)
            await self._outbox.join()

    @property
    def _announcing(self) -> bool:
        return any(transit.owed for transit in self._in_transit.values())

    @property
    def on_the_way(self) -> int:
        """How many texts have a step or an announcement to come."""
        return len(self._in_transit)

    @property
    def holds(self) -> dict[str, Hold]:
        """The phones that are held now."""
        now = self._clock.elapsed()
        return {phone: hold for phone, hold in self._holds.items() if hold.until is None or hold.until > now}

    def is_blocked(self, number: str, phone: str) -> bool:
        """Return whether STOP blocks texts from this number to this phone here."""
        return (number, phone) in self._blocks

    async def accept(self, text: SimulatedText) -> SimulatedText:
        """Record a text durably and start its delivery, even when the caller has disconnected meanwhile."""
        due_at = self._clock.elapsed() + timedelta(milliseconds=text.plan[1].after_ms) if len(text.plan) > 1 else None
        recorded = self._record.add(replace(text, due_at=due_at))

        def set_out(outcome: asyncio.Future[int]) -> None:
            if not outcome.cancelled() and outcome.exception() is None:
                self._set_out(replace(text, seq=outcome.result(), due_at=due_at))

        recorded.add_done_callback(set_out)
        return replace(text, seq=await asyncio.shield(recorded))

    async def receive(self, *, phone: str, number: str, account_sid: str, body: str) -> SimulatedText:
        """Record a reply durably, answer its keyword where the provider is to do so, and post it to the shop."""
        now = self._clock.now()
        reply = SimulatedText(
            sid=new_sid(now),
            account_sid=account_sid,
            direction=Direction.INBOUND,
            sender=phone,
            recipient=number,
            body=body,
            created_at=now,
            updated_at=now,
            sent_at=now,
            status=TextStatus.RECEIVED,
            plan=inbound_plan(),
        )
        accepted = await self.accept(reply)
        if self._config.answers_keywords_of(number):
            effect = keywords.effect_of(body, is_blocked=self.is_blocked(number, phone))
            if effect is not None:
                if effect.is_blocked is not None:
                    await self._set_block(number, phone, is_blocked=effect.is_blocked)
                await self._answer(reply, effect.answer)
        return accepted

    async def hold(self, phone: str, hold: Hold | None) -> None:
        """Stop texts from reaching a phone for a while, or release them."""
        await self._record.set_hold(phone, hold)
        if hold is None:
            self._holds.pop(phone, None)
        else:
            self._holds[phone] = hold

    async def _set_block(self, number: str, phone: str, *, is_blocked: bool) -> None:
        await self._record.set_block(number, phone, is_blocked=is_blocked)
        (self._blocks.add if is_blocked else self._blocks.discard)((number, phone))

    async def _answer(self, reply: SimulatedText, body: str) -> None:
        """Send a text of the provider's own, or one that the shop asked for in TwiML."""
        now = self._clock.now()
        await self.accept(
            SimulatedText(
                sid=new_sid(now),
                account_sid=reply.account_sid,
                direction=Direction.OUTBOUND_REPLY,
                sender=reply.recipient,
                recipient=reply.sender,
                body=body,
                created_at=now,
                updated_at=now,
                plan=outbound_plan(latency_ms=self._config.latency_ms, announced=()),
            ),
        )

    def _set_out(self, text: SimulatedText) -> None:
        """Announce what a recorded text has reached and not announced, and schedule its next step."""
        transit = self._in_transit[text.sid] = TextInTransit(text)
        for index in range(text.announced_through + 1, text.reached + 1):
            self._owe(transit, index)
            self._announce(transit, index)
        self._schedule(transit)
        self._close_if_done(transit)

    def _schedule(self, transit: TextInTransit) -> None:
        """Set the timer for the next step, if there is one."""
        due_at = transit.text.due_at
        if due_at is not None:
            wait = max(0.0, (due_at - self._clock.elapsed()).total_seconds())
            self._look_again(transit, wait)

    def _look_again(self, transit: TextInTransit, wait_seconds: float) -> None:
        transit.is_waiting = True
        if not self._is_stepped:
            transit.timer = asyncio.get_running_loop().call_later(wait_seconds, self._advance, transit)

    def _advance(self, transit: TextInTransit) -> None:
        """Take the next step, unless the phone is held; a text whose validity has expired in the queue is not sent."""
        self._forget_timer(transit)
        transit.is_waiting = False
        text = transit.text
        step = text.plan[text.reached + 1]
        is_leaving_queue = (
            text.status is TextStatus.QUEUED and step.status is not None and step.status is not TextStatus.FAILED
        )
        if is_leaving_queue and self._clock.now() - text.created_at > timedelta(seconds=text.validity_seconds):
            text = transit.text = replace(text, plan=expired(text.plan, text.reached))
            step = text.plan[-1]
        elif self._is_held(text, step):
            self._look_again(transit, _HELD_TEXTS_LOOKED_AT_EVERY_SECONDS)
            return
        self._start_move(self._enter(transit, step))

    @staticmethod
    def _forget_timer(transit: TextInTransit) -> None:
        if transit.timer is not None:
            transit.timer.cancel()
            transit.timer = None

    def _is_held(self, text: SimulatedText, step: TransitLeg) -> bool:
        hold = self._holds.get(text.phone)
        if hold is None or step.status is None or (hold.until is not None and hold.until <= self._clock.elapsed()):
            return False
        return (
            text.status is TextStatus.QUEUED if hold.before is TextStatus.SENT else step.status is not TextStatus.SENT
        )

    async def _enter(self, transit: TextInTransit, step: TransitLeg) -> None:
        """Make the step durable, then announce it and schedule the next one."""
        text, now = transit.text, self._clock.now()
        index = text.reached + 1
        following = text.plan[index + 1] if index + 1 < len(text.plan) else None
        is_owing = self._owe(transit, index)
        due_at = None
        if following is not None:
            due_at = self._clock.elapsed() + timedelta(milliseconds=following.after_ms)
        transit.text = replace(
            text,
            status=step.status or text.status,
            error_code=text.error_code if step.error_code is None else step.error_code,
            updated_at=now if step.status else text.updated_at,
            sent_at=now
            if step.status in {TextStatus.SENT, TextStatus.DELIVERED} and text.sent_at is None
            else text.sent_at,
            reached=index,
            due_at=due_at,
            is_open=is_owing or due_at is not None,
        )
        await self._record.note(transit.text)
        self._announce(transit, index)
        self._schedule(transit)
        self._close_if_done(transit)

    def _owe(self, transit: TextInTransit, index: int) -> bool:
        """Note the announcements of this step; return whether any are still to be made."""
        statuses = transit.text.plan[index].announced
        if statuses and (transit.text.is_inbound or transit.text.status_callback is not None):
            transit.owed[index] = len(statuses)
        return bool(transit.owed)

    def _announce(self, transit: TextInTransit, index: int) -> None:
        """Queue the announcements of this step."""
        if index in transit.owed:
            for status in transit.text.plan[index].announced:
                self._outbox.put_nowait((transit, index, status))

    async def _call(self) -> None:
        """Make queued announcements, one after the other; as many of these tasks run as calls may be under way."""
        while True:
            transit, index, status = await self._outbox.get()
            try:
                await self._call_once(transit, index, status)
            finally:
                self._outbox.task_done()

    async def _call_once(self, transit: TextInTransit, index: int, status: TextStatus) -> None:
        """Make one announcement, and close its text if it was the last."""
        text = transit.text
        if text.is_inbound:
            result = await self._hand_over(text)
        else:
            form = wire.status_form(text, status, self._clock.now())
            result = (await self._webhooks.post(text.status_callback or "", form, text.account_sid)).result
        transit.text = replace(transit.text, callback_result=result)
        transit.owed[index] -= 1
        if not transit.owed[index]:
            del transit.owed[index]
        self._close_if_done(transit)

    async def _hand_over(self, reply: SimulatedText) -> str:
        """Post a reply to the shop and send what its answer asks for; return the result of the call."""
        url = self._config.inbound_url_of(reply.number)
        if url is None:
            return "no inbound URL"
        answer = await self._webhooks.post(url, wire.inbound_form(reply), reply.account_sid)
        for body in wire.answers_in(answer.body) if answer.is_ok else ():
            await self._answer(reply, body)
        return answer.result

    def _close_if_done(self, transit: TextInTransit) -> None:
        """Close a text once it has no announcement and no step left."""
        text = transit.text
        owed = min(transit.owed, default=text.reached + 1)
        transit.text = replace(text, announced_through=owed - 1)
        if text.due_at is None and not transit.owed and self._in_transit.pop(text.sid, None) is not None:
            transit.text = replace(transit.text, is_open=False)
            self._start_move(self._record.note(transit.text))

    def _start_move(self, move: Awaitable[None]) -> None:
        task = asyncio.ensure_future(move)
        self._moves.add(task)
        task.add_done_callback(self._moved)

    def _moved(self, task: asyncio.Future[None]) -> None:
        self._moves.discard(task)
        with suppress(asyncio.CancelledError):
            task.result()
