"""Compliance as a service: its entry points for HTTP, events and time, around the parts in `dependencies`."""

from functools import partial

from services.compliance import api, consumer, instruments, loops
from services.compliance.caps.holds import HeldMerchants
from services.compliance.dependencies import ComplianceDependencies
from services.compliance.tables import metadata, system_tables
from shared.bus.read_progress import ReadProgress
from shared.clock import Clock
from shared.errors import ConfigurationFault
from shared.http.lazy_routers import LazyRouters
from shared.http.parked_routes import create_parked_router
from shared.rule_files import time_zones
from shared.rule_files.loader import load_rules
from shared.rules.table import RuleTable
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks
from shared.telemetry.logs import logger

NAME = "compliance"

log = logger(__name__)


def build(runtime: Runtime) -> Service:
    """Return the service.

    Raises:
        ConfigurationFault: the time zone data is too old for this year's laws, or a key file or a connector's file
            cannot be used.
    """
    _check_time_zones()
    _report_rules(runtime.clock)
    source = runtime.log.source(sorted(kind.type for kind in consumer.KINDS))
    deps = ComplianceDependencies.of(runtime, system_tables, source)
    events = Consumer.of(runtime, system_tables, consumer.create_router(deps), source=source)
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=events,
        tasks=WatchedTasks(NAME),
        routers=LazyRouters(
            lambda: (
                api.create_router(deps),
                create_parked_router(runtime.units, system_tables, events.router, deps.audit),
            )
        ),
        loops=loops.create_loops(deps),
        on_start=(partial(_look_once, deps.progress),),
        worries=(HeldMerchants(runtime.units).worry,),
    )


def _check_time_zones() -> None:
    if not time_zones.is_current():
        raise ConfigurationFault(
            "the time zone data is out of date: America/Edmonton must be -06:00 on 2026-12-15; install the locked "
            "tzdata package and set PYTHONTZPATH to nothing"
        )


def _report_rules(clock: Clock) -> None:
    """Measure the age of the rule table, and log a table that is stale or cannot be read."""
    rules = load_rules()
    if not isinstance(rules, RuleTable):
        log.error("rules_unreadable", why=rules.why, effect="nothing is sent")
        return
    instruments.RULES_AGE_SECONDS.set((clock.now().date() - rules.as_of).total_seconds())
    if rules.is_stale(clock.now()):
        log.warning("rules_stale", as_of=rules.as_of.isoformat(), advice="install a release with a newer table")


async def _look_once(progress: ReadProgress) -> None:
    await progress.look()
