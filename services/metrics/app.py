"""Metrics put together; the only place that constructs its parts."""

from services.metrics import api, consumer, pages, people, retention, sign_in
from services.metrics.page_templates import Pages
from services.metrics.session import Sessions
from services.metrics.settings import MetricsSettings
from services.metrics.tables import metadata, system_tables
from shared.bus.runner import UNHURRIED
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks


def build(runtime: Runtime) -> Service:
    """Return the service on what the process gives it."""
    settings = MetricsSettings()
    units = runtime.units
    sessions = Sessions(units, runtime.merchants, settings.session_hours)
    rendered = Pages(sessions.file_problems)
    handlers = consumer.router_of(settings)
    people.register(handlers, runtime.sealer)
    return Service(
        name="metrics",
        metadata=metadata,
        system_tables=system_tables,
        units=units,
        consumer=Consumer.of(runtime, system_tables, handlers, UNHURRIED),
        tasks=WatchedTasks("metrics"),
        routers=(
            api.router_of(units, runtime.clock, settings),
            sign_in.codes_of(sessions),
            sign_in.router_of(sessions, rendered, runtime.clock, runtime.settings.address),
            pages.router_of(units, runtime.clock, sessions, settings, rendered),
        ),
        loops=(Loop("retention", retention.step_of(units, settings), longest_seconds=SLOW_SECONDS),),
    )
