"""The wiring of ingest."""

import os

from services.ingest.api import WebhookDoor, webhooks
from services.ingest.arrivals import Preparer
from services.ingest.consumer import consumer
from services.ingest.credentials import Accounts
from services.ingest.events_api import events
from services.ingest.retention import retention
from services.ingest.schema import ground, metadata
from services.ingest.settings import IngestSettings
from shared.service import Runtime, Service, check_fingerprint


def build(runtime: Runtime) -> Service:
    """Return ingest, ready to be run by a process."""
    settings = IngestSettings()
    units, preparer = runtime.units, Preparer(runtime.sealer)
    door = WebhookDoor(
        Accounts(runtime.merchants, os.environ),
        preparer,
        units,
        runtime.clock,
        settings.most_deliveries_per_commit,
        runtime.log.require_room,
        runtime.quotas,
    )

    async def know_the_key() -> None:
        await check_fingerprint(units, ground, runtime.sealer.fingerprint)

    service = Service(
        name="ingest",
        metadata=metadata,
        ground=ground,
        units=units,
        routers=(
            webhooks(door),
            events(units, ground, preparer, runtime.clock, runtime.log.require_room, runtime.quotas),
        ),
        loops=(retention(units, runtime.clock, settings),),
        on_start=(know_the_key,),
        on_stop=(door.gatherer.finish,),
    )
    service.listen(runtime.log, consumer(runtime.sealer))
    return service
