"""The wiring of ingest."""

import os

from services.ingest.api import WebhookEndpoints, webhooks
from services.ingest.consumer import consumer
from services.ingest.credentials import SourceAccounts
from services.ingest.delivery_preparation import Preparer
from services.ingest.events_api import events
from services.ingest.retention import retention
from services.ingest.settings import IngestSettings
from services.ingest.tables import metadata, system_tables
from shared.loop import Loop
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks

_WEIGHED_SECONDS = 0.5
"""How often it is looked how far behind the readers are."""


def build(runtime: Runtime) -> Service:
    """Return ingest, ready to be run by a process."""
    settings = IngestSettings()
    units, preparer = runtime.units, Preparer(runtime.sealer)
    door = WebhookEndpoints(
        SourceAccounts(runtime.merchants, os.environ),
        preparer,
        units,
        runtime.clock,
        settings.most_deliveries_per_commit,
        runtime.log.require_room,
        runtime.quotas,
    )

    runtime.log.marks()  # in distributed mode they say how far the scheduler has read

    async def weigh() -> float:
        runtime.quotas.note_unread(await runtime.log.unread_seconds(runtime.clock.now()))
        return _WEIGHED_SECONDS

    return Service(
        name="ingest",
        metadata=metadata,
        system_tables=system_tables,
        units=units,
        consumer=Consumer.of(runtime, system_tables, consumer(runtime.sealer)),
        tasks=WatchedTasks("ingest"),
        routers=(
            webhooks(door),
            events(units, system_tables, preparer, runtime.clock, runtime.log.require_room, runtime.quotas),
        ),
        loops=(retention(units, runtime.clock, settings), Loop("quotas", weigh)),
        on_stop=(door.gatherer.finish,),
    )
