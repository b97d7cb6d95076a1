"""Steps a running application by hand, so that its clock may jump and nothing is left half done behind it.

The services' own consumers and loops are stopped meanwhile and stepped here in the order in which a text goes through
them. What they do in a step, and what they write, is the same as when they run by themselves.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Self

from services.embedded import Application
from services.simulator.carrier import Carrier
from services.virtual_time.clock import VirtualClock
from shared.bus.local import LOCAL, LocalLog
from shared.errors import ConfigurationFault
from shared.events.dispatch import DispatchWaiting
from shared.loop import Loop
from shared.service import Service

_RETRY: Final = timedelta(seconds=4)
"""How long a text waits that the provider asked to send more slowly."""
_DECIDING: Final = ("scheduler", "compliance", "sender")
"""Services whose events may make another text go now; the others read once at the end."""
_MOST_ROUNDS: Final = 40
_IN_THE_QUEUE: Final = timedelta(seconds=1.4)
_IN_THE_AIR: Final = timedelta(seconds=2.9)
"""How long a carrier takes; two such steps lead from accepted to delivered."""
_LOOK_SECONDS: Final = 0.25


class ProcessEnds(Exception):
    """The process ends; what has been done is complete."""


class ClockStepper:
    """Moves the clock of an application, and lets everything happen that is due then."""

    def __init__(self, application: Application, clock: VirtualClock, is_ending: Callable[[], bool]) -> None:
        simulator, log = application.simulator, application.runtime.log
        if simulator is None or not isinstance(log, LocalLog):
            raise ConfigurationFault("only a shop with the simulated provider can be stepped through time")
        self._log = log
        self._carrier: Carrier = simulator.carrier
        self._clock = clock
        self._is_ending = is_ending
        self._services = {service.name: service for service in application.services}
        self._fire, self._dispatch = self._loop("scheduler", "fire"), self._loop("sender", "dispatch")
        self._under_way = [wait for service in application.services for wait in service.under_way]
        self._listening = {"compliance": self._loop("compliance", "hear")}
        """What notes how far a service has read, stepped before it reads."""

    @classmethod
    @asynccontextmanager
    async def stepping(
        cls, application: Application, clock: VirtualClock, is_ending: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[Self]:
        """Stop the application's own tasks inside the block."""
        stepper = cls(application, clock, is_ending)
        async with AsyncExitStack() as stack:
            for service in application.services:
                await stack.enter_async_context(service.stepped(is_ending))
            stack.enter_context(stepper._carrier.stepped())
            yield stepper

    def move_to(self, at: datetime) -> None:
        """Move the clock; it is never moved back.

        Raises:
            ProcessEnds: the process ends.
        """
        if self._is_ending():
            raise ProcessEnds
        self._clock.pass_until(at)

    async def settle(self) -> bool:
        """Let everything happen that is due now, until nothing follows from it any more; return whether anything did.

        Raises:
            ProcessEnds: the process ends.
        """
        await self._carrier.settled()
        moved = 0
        for _ in range(_MOST_ROUNDS):
            if self._is_ending():
                raise ProcessEnds
            begun_at = await self._log.newest()
            moved += await self._read(_DECIDING)
            pause = await self._fire.step()
            moved += await self._read(_DECIDING)
            await self._dispatch.step()
            for wait in self._under_way:
                await wait()
            delivered = await self._deliver()
            if not delivered and pause >= _LOOK_SECONDS and await self._log.newest() == begun_at:
                break
            moved += 1
            if await self._log.has_since(DispatchWaiting, begun_at):
                self.move_to(self._clock.now() + _RETRY)
        if moved:
            await self._read([*self._services])
        return moved > 0

    async def keep_house(self) -> None:
        """Step every other loop once: signing days, looking for lost receipts, controls, retention."""
        stepped = {self._fire, self._dispatch, *self._listening.values()}
        for loop in [loop for service in self._services.values() for loop in service.loops if loop not in stepped]:
            await loop.step()
        await self.settle()

    def _loop(self, service: str, name: str) -> Loop:
        return next(loop for loop in self._services[service].loops if loop.name == name)

    async def _deliver(self) -> int:
        """Let the carrier bring what it holds to the phones; return how many texts that were."""
        count = self._carrier.on_the_way
        if count:
            for passing in (_IN_THE_QUEUE, _IN_THE_AIR):
                self.move_to(self._clock.now() + passing)
                await self._carrier.step()
            await self._carrier.step()  # announcements that a fault put out of order
        return count

    async def _read(self, names: Sequence[str]) -> int:
        """Let services read until nothing is new; return how many events they took."""
        total = 0
        while True:
            newest, taken = await self._log.newest(), 0
            for service in (self._services[name] for name in names):
                taken += await self._read_on(service, newest)
            if not taken:
                return total
            total += taken

    async def _read_on(self, service: Service, newest: int) -> int:
        if service.runner is None or (service.runner.position(LOCAL) or 0) > newest:
            return 0
        if service.name in self._listening:
            await self._listening[service.name].step()
        return await service.runner.step(linger_seconds=0)
