"""Builds the simulated provider: as an application of its own, or as routes of another application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import BaseRoute

from services.simulator.carrier import Carrier
from services.simulator.clock import SimulatorClock
from services.simulator.config import SimulatorConfig
from services.simulator.control_api import ControlEndpoints
from services.simulator.faults import Faults
from services.simulator.messages_api import MessagesEndpoints
from services.simulator.pages import PagesEndpoints
from services.simulator.record import TextRecord
from services.simulator.webhooks import Webhooks


class Simulator:
    """One provider. Another application that adds its `routes` enters `running()` around them."""

    def __init__(self, config: SimulatorConfig) -> None:
        clock = SimulatorClock(config.clock_file)
        self.faults = Faults(config.seed)
        self._record = TextRecord(config.data_file)
        self._webhooks = Webhooks(config)
        self._carrier = Carrier(config, clock, self._record, self._webhooks)
        parts = (config, clock, self._record, self._carrier)
        self.routes: Sequence[BaseRoute] = [
            *MessagesEndpoints(*parts, self.faults).routes(),
            *ControlEndpoints(*parts, self.faults).routes(),
            *PagesEndpoints(*parts).routes(),
        ]
        """Every path, all under `/2010-04-01/` and `/simulator`."""

    @property
    def carrier(self) -> Carrier:
        """Moves the texts; whoever drives the clock steps it by hand."""
        return self._carrier

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver, beginning with the texts that were in transit at the last stop; those in transit now stay stored."""
        await self._record.start()
        await self._webhooks.start()
        await self._carrier.start()
        try:
            yield
        finally:
            await self._carrier.stop()
            await self._webhooks.stop()
            await self._record.stop()


def create_app(simulator: Simulator) -> FastAPI:
    """Return a simulator as an application that starts and stops with its server."""
    app = FastAPI(title="Simulated SMS provider", lifespan=lambda _: simulator.running(), openapi_url=None)
    app.router.routes.extend(simulator.routes)
    return app
