"""How a service is put together: what a process gives it, what it gives the process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from fastapi import APIRouter

from shared.bus.marks import Marks
from shared.bus.port import Source
from shared.bus.router import Router
from shared.bus.runner import PROMPT, Pace, Runner
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.system_tables import MetaData, SystemTables
from shared.db.unit_of_work import Database, Publisher, UnitOfWorkRunner
from shared.http.quota import Quotas
from shared.loop import Loop, Pulse
from shared.privacy import Sealer
from shared.settings import ProcessSettings
from shared.tasks import WatchedTasks

_KEPT_MEANWHILE = frozenset({"log_unavailable"})
"""Codes of failures that do not keep the service from accepting requests."""


class Log(Publisher, Protocol):
    """A log a service can publish to and read from."""

    @property
    def partitions(self) -> int:
        """The number of partitions of recipients; the same for every service, and never changed without a drain."""
        ...

    def source(self, types: Sequence[str]) -> Source:
        """Return a reader of the given event types."""
        ...

    def marks(self) -> Marks:
        """Return the publishers' marks: up to when their events are in the log."""
        ...

    def announce_reading(self, system_tables: SystemTables, topics: Sequence[str]) -> None:
        """Announce up to when a service has read these topics, and published what follows."""
        ...

    async def unread_seconds(self, now: datetime) -> float:
        """Return for how long published events may be unread by the services that act on them; 0 if unknown."""
        ...

    def require_room(self) -> None:
        """Check that there is room for events from outside; what follows from accepted events is never refused.

        Raises:
            Fault: there is none now; retryable, nothing was stored.
        """
        ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process gives to each service it runs."""

    settings: ProcessSettings
    clock: Clock
    database: Database
    log: Log
    sealer: Sealer
    merchants: MerchantDirectory
    quotas: Quotas = field(init=False)

    def __post_init__(self) -> None:
        """Start with full quotas, which all services of the process share."""
        object.__setattr__(self, "quotas", Quotas(self.settings, self.clock))

    @property
    def units(self) -> UnitOfWorkRunner:
        """Runs units of work on this process's database and log."""
        return UnitOfWorkRunner(self.database, self.log, self.clock)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service's entry point for events: what it reads, what handles each event, and what runs the handlers."""

    source: Source
    router: Router
    runner: Runner

    @classmethod
    def of(
        cls,
        runtime: Runtime,
        system_tables: SystemTables,
        router: Router,
        pace: Pace = PROMPT,
        *,
        source: Source | None = None,
    ) -> Self:
        """Return the consumer of everything the router handles; its position rests in the service's own tables.

        A `source` is given where the handlers themselves must know how far it has been read; it reads exactly what the
        router handles.
        """
        source = source or runtime.log.source(sorted(router.kinds))
        return cls(source, router, Runner(runtime.units, system_tables, source, router, pace))


@dataclass(frozen=True, slots=True)
class Service:
    """What a service gives to its process: three entry points (HTTP, events, time), and what to call around them."""

    name: str
    metadata: MetaData
    system_tables: SystemTables
    units: UnitOfWorkRunner
    consumer: Consumer | None
    """None where the service reads no events."""
    tasks: WatchedTasks
    routers: Sequence[APIRouter] = ()
    loops: Sequence[Loop] = ()
    on_start: Sequence[Callable[[], Awaitable[None]]] = ()
    on_stop: Sequence[Callable[[], Awaitable[None]]] = ()
    under_way: Sequence[Callable[[], Awaitable[None]]] = ()
    """Each waits until what a step began has ended, such as calls to a provider."""
    worries: Sequence[Callable[[], Awaitable[str | None]]] = ()
    """Each returns what an operator should look into although the service works, or None."""

    @property
    def events(self) -> Router:
        """The handlers of events."""
        return self.consumer.router if self.consumer is not None else Router()

    @property
    def runner(self) -> Runner | None:
        """What runs the handlers of events, where there are any."""
        return self.consumer.runner if self.consumer is not None else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the consumer and the loops; on leaving, stop them and wait until they have ended."""
        for start in self.on_start:
            await start()
        self._start_tasks()
        try:
            yield
        finally:
            await self.tasks.stop()
            for stop in self.on_stop:
                await stop()

    @asynccontextmanager
    async def stepped(self, is_ending: Callable[[], bool]) -> AsyncIterator[None]:
        """Let the block step consumer and loops of this running service; afterwards they run by themselves again.

        Args:
            is_ending: whether the process ends, so that nothing must be started again.
        """
        await self.tasks.stop()
        try:
            yield
        finally:
            if not is_ending():
                self._start_tasks()

    def _start_tasks(self) -> None:
        for loop in self.loops:
            self.tasks.start(loop.name, loop.run_forever())
        if self.runner is not None:
            self.tasks.start("events", self.runner.run_forever())

    async def readiness(self) -> str | None:
        """Return why this service should not be given work, or None.

        It should not while something of it has ended, fails again and again, or hangs. A log that is away is another
        matter: events stay in the outbox meanwhile, and a STOP takes effect at once, so `concerns` reports it.
        """
        return self.halted() or _joined(
            pulse.trouble() for pulse in self._pulses() if pulse.code not in _KEPT_MEANWHILE
        )

    async def concerns(self) -> str | None:
        """Return what is wrong although this service should be given work, or None."""
        worries = [await worry() for worry in self.worries]
        return _joined([*(pulse.trouble() for pulse in self._pulses() if pulse.code in _KEPT_MEANWHILE), *worries])

    def halted(self) -> str | None:
        """Return why its consumer or one of its tasks stopped for good, or None: only a restart tries again."""
        return halted(self.consumer, self.tasks)

    def _pulses(self) -> Iterator[Pulse]:
        yield from (loop.pulse for loop in self.loops)
        if self.runner is not None:
            yield self.runner.pulse


def halted(consumer: Consumer | None, tasks: WatchedTasks) -> str | None:
    """Return why a consumer or one of the long tasks beside it stopped for good, or None."""
    return (consumer.runner.halted if consumer is not None else None) or tasks.ended()


def _joined(sentences: Iterable[str | None]) -> str | None:
    """Return the sentences in one, or None where there is none."""
    return "; ".join(sentence for sentence in sentences if sentence) or None
