"""The sender as a service: its entry points for HTTP, events and time, around the parts in `dependencies`."""

import os

from services.sender.api import create_router
from services.sender.dependencies import NAME, SenderDependencies
from services.sender.loops import create_loops
from services.sender.settings import SenderSettings
from services.sender.tables import metadata, system_tables
from shared.http.lazy_routers import LazyRouters
from shared.http.parked_routes import create_parked_router
from shared.service import Runtime, Service


def build(runtime: Runtime) -> Service:
    """Return the sender, ready to be run by a process."""
    return service_of(SenderDependencies.of(runtime, SenderSettings(), os.environ))


def service_of(deps: SenderDependencies) -> Service:
    """Return the service around its parts, which tests step one by one."""
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=deps.units,
        consumer=deps.consumer,
        tasks=deps.tasks,
        routers=LazyRouters(
            lambda: (
                create_router(deps),
                create_parked_router(deps.units, system_tables, deps.consumer.router, deps.audit),
            )
        ),
        loops=create_loops(deps),
        under_way=(deps.calls.drain,),
        on_start=(deps.waker.start, deps.controls.waker.start, deps.missed_replies.begin, deps.providers.warm_up),
        on_stop=(deps.calls.stop, deps.providers.close),
    )
