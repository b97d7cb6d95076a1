"""The runner: one poll, one unit of work; positions, state and events commit together (design section 6)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.bus import instruments, parked, positions
from shared.bus.errors import ConsumerHalted, LogShortened
from shared.bus.failures import WINDOW, FailureWindow
from shared.bus.port import Message, Partition, Source
from shared.bus.router import Router
from shared.db.system_tables import SystemTables
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, Fenced, describe
from shared.events.envelope import Event
from shared.failpoints import failpoint
from shared.loop import Pulse
from shared.telemetry.logs import logger

POLL_EVENTS = 500
LINGER_QUIET_SECONDS = 0.005
LINGER_SECONDS = 0.02
_QUIET_EVENTS_PER_UNIT = 1
_BUSY_EVENTS_PER_UNIT = 20
_GUILTY_PAUSES_SECONDS = (0.05, 0.2)
_BACKOFF_SECONDS = (0.1, 0.5, 2.0, 5.0)
_LONGEST_STEP_SECONDS = 60.0

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long polls wait for more events, and how their writes are prioritised."""

    busy_linger_seconds: float
    """How long a poll waits for more where there is much to read."""
    priority: WritePriority
    poll_events: int = POLL_EVENTS
    """Most events of one poll."""


PROMPT = Pace(0.05, WritePriority.BATCHES)
UNHURRIED = Pace(1.0, WritePriority.NUMBERS, 1000)
"""For a service that no text waits for: large polls cost half per event, and hold several events of one text."""


class Runner:
    """Reads the log for one service and hands batches to its router."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        system_tables: SystemTables,
        source: Source,
        router: Router,
        pace: Pace = PROMPT,
    ) -> None:
        self.pulse = Pulse(f"the consumer of {system_tables.service}", _LONGEST_STEP_SECONDS)
        self._pace = pace
        self._units = units
        self._system_tables = system_tables
        self._source = source
        self._router = router
        self._kinds = router.kinds
        self._positions: dict[Partition, int] | None = None
        self._last_unit_events = 0
        self._failures = FailureWindow()
        self.halted: str | None = None
        """Why the consumer stopped, for `/readyz`; None while it runs."""

    async def run_forever(self) -> None:
        """Step until cancelled; retryable faults are retried after a pause, all others halt the consumer."""
        while True:
            try:
                self.pulse.began()
                await self.step()
                self.pulse.succeeded()
                await asyncio.sleep(0)  # whatever the source does, the process answers others between two polls
            except Fenced:
                self._positions = None
                instruments.FENCED.labels(self._system_tables.service).inc()
            except Fault as fault:
                if not fault.retryable:
                    self._halt(fault.code, fault.detail)
                    return
                log.warning("consumer_waits", service=self._system_tables.service, code=fault.code)
                if isinstance(fault, LogShortened):
                    self._positions = None  # the watch for losses moves them back
                pause = _BACKOFF_SECONDS[min(self.pulse.failures, len(_BACKOFF_SECONDS) - 1)]
                self.pulse.failed(fault.code)
                await asyncio.sleep(pause)
            except Exception as bug:  # noqa: BLE001 - a consumer must not end unnoticed
                self._halt("bug", describe(bug))
                return

    async def step(self, linger_seconds: float | None = None) -> int:
        """Handle one poll; return how many messages it held.

        Raises:
            Fenced: another process took over; the poll was rolled back.
            DatabaseUnavailable: nothing of the poll was stored; it is read again.
            ConsumerHalted: the events of many merchants fail.
        """
        before = await self._current_positions()
        linger = self._linger() if linger_seconds is None else linger_seconds
        poll = await self._source.poll(before, self._pace.poll_events, linger)
        if poll.next_offsets:
            await self._take(poll.messages, poll.next_offsets)
            self._last_unit_events = len(poll.messages)
        return len(poll.messages)

    async def _current_positions(self) -> dict[Partition, int]:
        """Return the position of every partition that is read, from the database after each change."""
        assigned = await self._source.partitions()
        if self._positions is None or self._positions.keys() != assigned:
            self._positions = None
            if not assigned:
                return {}
            self._positions = await self._units.run(
                lambda uow: positions.load(uow.db, self._system_tables, assigned, uow.now),
                WritePriority.BATCHES,
            )
        return self._positions

    async def _take(self, messages: Sequence[Message], after: Mapping[Partition, int]) -> None:
        """Commit a poll; if it fails, halve it until the failing message is alone."""
        try:
            await self._commit(messages, after)
        except Exception as problem:
            if isinstance(problem, Fault) and problem.retryable:
                raise
            if len(messages) > 1:
                middle = len(messages) // 2
                first = messages[:middle]
                await self._take(first, _offsets_after(first))
                await self._take(messages[middle:], after)
            else:
                await self._retry_then_park(messages, after, problem)

    async def _retry_then_park(
        self, messages: Sequence[Message], after: Mapping[Partition, int], problem: Exception
    ) -> None:
        """Try a single failing message a few more times, then park it; halt if many merchants' events fail."""
        for pause in _GUILTY_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            try:
                await self._commit(messages, after)
            except Exception as again:
                if isinstance(again, Fault) and again.retryable:
                    raise
                problem = again
            else:
                return
        reason = describe(problem)
        log.error(
            "event_failed", service=self._system_tables.service, type=messages[0].type, error=type(problem).__name__
        )
        merchant = _merchant_of(self._decoded(messages[0]))
        now = self._units.clock.now()
        self._failures.note_failed(merchant, now)
        if self._failures.is_ours(now):
            minutes = WINDOW // timedelta(minutes=1)
            raise ConsumerHalted(
                f"events of {self._failures.failing} merchants failed within {minutes} minutes, the last of them "
                f"{messages[0].type}: {reason}; fix the cause and restart: unhandled events are read again, and "
                "`followup redrive` continues what was parked before"
            )
        await self._commit(messages, after, park_all=reason)

    async def _commit(
        self, messages: Sequence[Message], after: Mapping[Partition, int], *, park_all: str | None = None
    ) -> None:
        """Handle messages in one unit of work and move the positions with it."""
        before = self._positions or {}

        async def work(uow: UnitOfWork) -> list[Event]:
            uow.read = after
            handled = await self._handle(messages, uow, park_all)
            await positions.advance(uow.db, self._system_tables, before, after, uow.now)
            failpoint("runner.before_commit")
            return handled

        try:
            handled = await self._units.run(work, self._pace.priority)
        except asyncio.CancelledError:
            self._positions = None  # the unit may be committed all the same: whoever steps on asks the database
            raise
        failpoint("runner.after_commit")
        self._positions = {**before, **after}
        self._failures.note_handled({event.merchant_id for event in handled}, self._units.clock.now())
        moved = sum(offset - before.get(partition, 0) for partition, offset in after.items())
        instruments.PASSED.labels(self._system_tables.service).inc(max(0, moved))
        instruments.HANDLED.labels(self._system_tables.service).inc(len(handled))
        instruments.UNIT_EVENTS.labels(self._system_tables.service).observe(len(handled))

    async def _handle(self, messages: Sequence[Message], uow: UnitOfWork, park_all: str | None) -> list[Event]:
        """Decode, park what comes behind a parked event, handle the rest; return what was handled."""
        blocked = await parked.recipients(uow.db, self._system_tables, [message.recipient_id for message in messages])
        ready: list[Event] = []
        source_of: dict[int, Message] = {}
        rows = []
        for message in messages:
            fact = self._decoded(message)
            if park_all is not None or isinstance(fact, Fault):
                reason = park_all or str(fact)
            elif message.recipient_id in blocked and not fact.passes_parked():
                reason = parked.BEHIND
            else:
                ready.append(fact)
                source_of[id(fact)] = message
                continue
            blocked.add(message.recipient_id)
            rows.append(parked.row(message, _merchant_of(fact), reason, uow.now))
        if ready:
            await self._router.handle(ready, uow)
        rows += [
            parked.row(source_of[id(event)], event.merchant_id, why, uow.now) for event, why in uow.set_aside_events
        ]
        if rows:
            await uow.db.insert(self._system_tables.parked, rows)
            instruments.PARKED.labels(self._system_tables.service).inc(len(rows))
        return ready

    def _decoded(self, message: Message) -> Event | Fault:
        """Return the event, or the fault that parks it."""
        try:
            return message.event(self._kinds[message.type])
        except Fault as fault:
            return fault

    def _linger(self) -> float:
        """Return how long to wait for more: longer when there is much to read."""
        if self._last_unit_events > _BUSY_EVENTS_PER_UNIT:
            return self._pace.busy_linger_seconds
        return LINGER_QUIET_SECONDS if self._last_unit_events <= _QUIET_EVENTS_PER_UNIT else LINGER_SECONDS

    def _halt(self, code: str, detail: str) -> None:
        """Stop, and report it in readiness, metrics and the log."""
        self.halted = f"{code}: {detail}"
        instruments.HALTED.labels(self._system_tables.service).set(1)
        log.error("consumer_halted", service=self._system_tables.service, code=code, detail=detail)

    def position(self, partition: Partition) -> int | None:
        """Return the next offset to read in a partition, as last committed; None before the first step."""
        return None if self._positions is None else self._positions.get(partition)


def _offsets_after(messages: Sequence[Message]) -> dict[Partition, int]:
    """Return the positions to commit once exactly these messages are handled."""
    after: dict[Partition, int] = {}
    for message in messages:
        after[message.partition] = max(after.get(message.partition, 0), message.offset + 1)
    return after


def _merchant_of(fact: Event | Fault) -> str:
    """Return the merchant of an event; none of one that cannot be decoded."""
    return fact.merchant_id if isinstance(fact, Event) else ""
