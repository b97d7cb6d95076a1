"""Metrics put together; the only place that constructs its parts."""

from services.metrics import api, consumer, pages, people
from services.metrics.schema import ground, metadata
from services.metrics.session import Sessions
from services.metrics.settings import MetricsSettings
from shared.bus.runner import UNHURRIED
from shared.service import Runtime, Service


def build(runtime: Runtime) -> Service:
    """Return the service on what the process gives it."""
    settings = MetricsSettings()
    units = runtime.units
    sessions = Sessions(runtime.sealer, runtime.merchants, runtime.clock, settings.session_hours)
    service = Service(
        name="metrics",
        metadata=metadata,
        ground=ground,
        units=units,
        routers=(
            api.router_of(units, runtime.clock, settings),
            pages.router_of(units, runtime.clock, sessions, settings),
        ),
    )
    door = consumer.router_of(settings)
    people.register(door, runtime.sealer)
    service.listen(runtime.log, door, UNHURRIED)
    return service
