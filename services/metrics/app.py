"""Builds metrics; the only place that constructs its parts."""

from services.metrics import api, consumer
from services.metrics.api import MetricsEndpoints
from services.metrics.console.pages import ConsolePages
from services.metrics.console.rendering import PageRenderer
from services.metrics.console.sessions import Sessions
from services.metrics.console.sign_in import SignIn
from services.metrics.loops import create_loops
from services.metrics.privacy import create_privacy
from services.metrics.settings import MetricsSettings
from services.metrics.tables import metadata, system_tables
from shared.bus.runner import UNHURRIED
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks


def build(runtime: Runtime) -> Service:
    """Return metrics, ready to be run by a process."""
    settings = MetricsSettings()
    sessions = Sessions(runtime.units, runtime.merchants, settings.session_hours)
    renderer = PageRenderer(sessions.file_problems)
    handlers = consumer.create_router(settings, create_privacy(system_tables, runtime.sealer))
    return Service(
        name="metrics",
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=Consumer.of(runtime, system_tables, handlers, UNHURRIED),
        tasks=WatchedTasks("metrics"),
        routers=api.create_routers(
            MetricsEndpoints(runtime.units, settings),
            SignIn(sessions, renderer, runtime.clock, runtime.settings.address),
            ConsolePages(runtime.units, settings, renderer),
        ),
        loops=create_loops(runtime.units, settings),
    )
