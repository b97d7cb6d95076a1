"""Builds metrics; the only place that constructs its parts."""

from services.metrics import api, consumer
from services.metrics.api import MetricsEndpoints
from services.metrics.loops import create_loops
from services.metrics.messages_api import MessageEndpoints
from services.metrics.privacy import create_privacy
from services.metrics.settings import MetricsSettings
from services.metrics.tables import audit_tables, metadata, system_tables
from shared.audit_log import AuditLog, audit_loops
from shared.bus.runner import UNHURRIED
from shared.http.audit_routes import create_audit_router
from shared.http.parked_routes import create_parked_router
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks


def build(runtime: Runtime) -> Service:
    """Return metrics, ready to be run by a process."""
    settings = MetricsSettings()
    handlers = consumer.create_router(settings, create_privacy(system_tables, runtime.sealer))
    audit, events = AuditLog(audit_tables, runtime.sealer), Consumer.of(runtime, system_tables, handlers, UNHURRIED)
    return Service(
        name="metrics",
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=events,
        tasks=WatchedTasks("metrics"),
        routers=(
            api.create_router(MetricsEndpoints(runtime.units, settings)),
            MessageEndpoints(runtime.units, settings).create_router(),
            create_audit_router(audit, runtime.units),
            create_parked_router(runtime.units, system_tables, events.router, audit),
        ),
        loops=(*create_loops(runtime.units, settings), *audit_loops(runtime, audit_tables)),
    )
