"""Connectors as a service: its entry points for HTTP, events and time, around the parts in `dependencies`."""

import os
from typing import Final

from services.connectors import consumer
from services.connectors.api import create_router
from services.connectors.dependencies import ConnectorsDependencies
from services.connectors.loops import create_loops
from services.connectors.tables import metadata, system_tables
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
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=Consumer.of(runtime, system_tables, consumer.create_router(deps.planner, deps.privacy)),
        tasks=WatchedTasks(NAME),
        routers=(create_router(deps),),
        loops=create_loops(deps),
        on_start=(deps.planner.waker.start,),
        on_stop=(deps.deliverer.finish,),
    )
