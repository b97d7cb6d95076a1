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
from services.simulator.phones_api import PhonesEndpoints
from services.simulator.record import TextRecord
from services.simulator.webhooks import Webhooks


class Simulator:
    """One provider. To mount it in another application, add `routes()` and await `start()` and `stop()` around it."""

    def __init__(self, config: SimulatorConfig) -> None:
        clock = SimulatorClock(config.clock_file)
        self.faults = Faults(config.seed)
        self._record = TextRecord(config.data_file)
        self._webhooks = Webhooks(config)
        self._carrier = Carrier(config, clock, self._record, self._webhooks)
        messages = MessagesEndpoints(
            config=config, clock=clock, record=self._record, carrier=self._carrier, faults=self.faults
        )
        control = ControlEndpoints(clock=clock, record=self._record, carrier=self._carrier, faults=self.faults)
        phones = PhonesEndpoints(config=config, clock=clock, record=self._record, carrier=self._carrier)
        pages = PagesEndpoints(config=config, clock=clock, record=self._record, carrier=self._carrier)
        self._routes = [*messages.routes(), *control.routes(), *phones.routes(), *pages.routes()]

    def routes(self) -> Sequence[BaseRoute]:
        """Return every path, all under `/2010-04-01/` and `/simulator`."""
        return self._routes

    async def start(self) -> None:
        """Open the record and continue with the texts that were in transit when it was closed."""
        await self._record.start()
        await self._webhooks.start()
        await self._carrier.start()

    async def stop(self) -> None:
        """Stop; texts in transit stay in the record and continue at the next start."""
        await self._carrier.stop()
        await self._webhooks.stop()
        await self._record.stop()


def create_app(config: SimulatorConfig) -> FastAPI:
    """Return a simulator as an application that starts and stops with its server."""
    return create_app_of(Simulator(config))


def create_app_of(simulator: Simulator) -> FastAPI:
    """Return an application around an existing simulator."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await simulator.start()
        try:
            yield
        finally:
            await simulator.stop()

    app = FastAPI(title="Simulated SMS provider", lifespan=lifespan, openapi_url=None)
    app.router.routes.extend(simulator.routes())
    return app
