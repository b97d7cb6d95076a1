"""Builds ingest; the only place that constructs its parts."""

import os

from services.ingest import consumer
from services.ingest.api import create_router
from services.ingest.credentials import SourceAccounts
from services.ingest.events_api import EventEndpoints
from services.ingest.loops import create_loops
from services.ingest.preparation import DeliveryPreparer
from services.ingest.quarantine.quarantine import Quarantine
from services.ingest.settings import IngestSettings
from services.ingest.tables import audit_tables, metadata, system_tables
from services.ingest.tallies.tallies import SourceTallies
from services.ingest.webhooks_api import SOURCES, WebhookEndpoints
from shared.audit_log import AuditLog
from shared.http.lazy_routers import LazyRouters
from shared.http.parked_routes import create_parked_router
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks


def build(runtime: Runtime) -> Service:
    """Return ingest, ready to be run by a process."""
    settings = IngestSettings()
    preparer = DeliveryPreparer(runtime.sealer)
    accounts = SourceAccounts(runtime.merchants, os.environ)
    tallies, audit = SourceTallies(runtime.units), AuditLog(audit_tables, runtime.sealer)
    webhooks = WebhookEndpoints(runtime, accounts, preparer, tallies, settings.most_deliveries_per_commit)
    events = EventEndpoints(runtime, system_tables, preparer, tallies)
    quarantine = Quarantine(runtime, accounts, preparer, SOURCES, audit)
    handlers = Consumer.of(runtime, system_tables, consumer.create_router(runtime.sealer))
    runtime.log.marks()  # in distributed mode they say how far the scheduler has read
    return Service(
        name="ingest",
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=handlers,
        tasks=WatchedTasks("ingest"),
        routers=LazyRouters(
            lambda: (
                create_router(webhooks, events, quarantine, audit, runtime.units),
                create_parked_router(runtime.units, system_tables, handlers.router, audit),
            )
        ),
        loops=create_loops(runtime, settings, tallies),
        on_stop=(webhooks.gatherer.finish, tallies.finish),
    )
