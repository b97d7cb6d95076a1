"""Connectors as a service: its entry points for HTTP, events and time, around the parts in `dependencies`."""

import os
from typing import Final

from services.connectors import consumer
from services.connectors.api import create_router
from services.connectors.dependencies import ConnectorsDependencies
from services.connectors.loops import create_loops
from services.connectors.tables import metadata, system_tables
from shared.http.parked_routes import create_parked_router
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks

NAME: Final = "connectors"


def build(runtime: Runtime) -> Service:
    """Return connectors, ready to be run by a process.

    Raises:
        ConfigurationFault: a setting is wrong; the message says which and what to do.
    """
    return service_of(ConnectorsDependencies.of(runtime, os.environ))


def service_of(deps: ConnectorsDependencies) -> Service:
    """Return the service around its parts, which tests step one by one."""
    runtime = deps.runtime
    events = Consumer.of(runtime, system_tables, consumer.create_router(deps.planner, deps.privacy))
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=events,
        tasks=WatchedTasks(NAME),
        routers=(
            create_router(deps),
            create_parked_router(runtime.units, system_tables, events.router, deps.audit),
        ),
        loops=create_loops(deps),
        on_start=(deps.planner.waker.start,),
        on_stop=(deps.deliverer.finish,),
    )
