"""The wiring of compliance; the only place that constructs its parts."""

import secrets
from functools import partial

from services.compliance import api, consumer, instruments, retention
from services.compliance.caps import holds_api
from services.compliance.caps.limit_service import SHARES, LimitService
from services.compliance.connectors.wiring import Connectors
from services.compliance.consents import imports_api
from services.compliance.consents.import_service import ImportService
from services.compliance.consents.service import ConsentService
from services.compliance.gate.service import GateService
from services.compliance.ledger.roots import RootKeeper
from services.compliance.ledger.signing import key_of
from services.compliance.preferences import api as preference_pages
from services.compliance.preferences.links import PreferenceLinks
from services.compliance.preferences.service import PreferenceService
from services.compliance.privacy import api as rights_api
from services.compliance.privacy.api import RightsService
from services.compliance.privacy.consumer import RightsHandlers
from services.compliance.settings import ComplianceSettings
from services.compliance.tables import metadata, system_tables
from shared.bus.read_progress import ReadProgress, Unread
from shared.db.unit_of_work import UnitOfWork
from shared.errors import ConfigurationFault
from shared.events.topics import Topic
from shared.loop import SLOW_SECONDS, Loop
from shared.rule_files.loader import load_rules
from shared.rules import time_zones
from shared.rules.table import RuleTable
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks
from shared.telemetry.logs import logger

NAME = "compliance"
NEWS = (Topic.CONSENTS, Topic.ENGAGEMENT)
"""What may speak against a text: what people withdrew, and what they wrote back."""

log = logger(__name__)


def build(runtime: Runtime) -> Service:
    """Return the service.

    Raises:
        ConfigurationFault: the time zone data is too old to know this year's laws, or a key file cannot be used.
    """
    if not time_zones.is_current():
        raise ConfigurationFault(
            "the time zone data is out of date: America/Edmonton must be -06:00 on 2026-12-15; install the locked "
            "tzdata package and set PYTHONTZPATH to nothing"
        )
    settings = ComplianceSettings()
    rules = load_rules()
    if isinstance(rules, RuleTable):
        age = runtime.clock.now().date() - rules.as_of
        instruments.RULES_AGE_SECONDS.set(age.total_seconds())
        if rules.is_stale(runtime.clock.now()):
            log.warning("rules_stale", as_of=rules.as_of.isoformat(), advice="install a release with a newer table")
    else:
        log.error("rules_unreadable", why=rules.why, effect="nothing is sent")
    key = key_of(settings.signing_key_file, runtime.settings)
    if key is None:
        log.warning("ledger_unsigned", advice="name a key with FOLLOWUP_COMPLIANCE_SIGNING_KEY_FILE")
    connectors = Connectors.of(settings)
    units = runtime.units
    consents = ConsentService(units, runtime.sealer, settings.history_days)
    links = PreferenceLinks(runtime.sealer, runtime.settings.address, settings.preference_link_days)
    source = runtime.log.source(sorted(kind.type for kind in consumer.KINDS))
    runtime.log.announce_reading(system_tables, NEWS)
    progress = ReadProgress(source, runtime.log.marks(), units, system_tables, NEWS)
    gate = GateService(
        runtime.clock,
        runtime.sealer,
        runtime.merchants,
        load_rules,
        settings.history_days,
        partial(_news, progress),
        LimitService(runtime.sealer, runtime.merchants, secrets.randbelow(SHARES)),
        connectors.registers,
    )
    handlers = consumer.router(gate, RightsHandlers(runtime.sealer))
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=units,
        consumer=Consumer.of(runtime, system_tables, handlers, source=source),
        tasks=WatchedTasks(NAME),
        routers=(
            api.routes(consents, links, runtime.quotas),
            imports_api.routes(ImportService(consents), runtime.quotas),
            holds_api.routes(units),
            rights_api.routes(RightsService(consents, runtime.sealer)),
            preference_pages.routes(PreferenceService(units, runtime.sealer), links, runtime.merchants),
        ),
        loops=(
            *(() if key is None else (RootKeeper(units, runtime.clock, key).loop(),)),
            Loop("retention", retention.step_of(units, settings), longest_seconds=SLOW_SECONDS),
            *connectors.loops(runtime.clock),
            Loop("hear", progress.look),
        ),
        on_start=(partial(_look_once, progress),),
        worries=(holds_api.HeldMerchants(units).worry,),
    )


async def _news(progress: ReadProgress, uow: UnitOfWork) -> Unread:
    return await progress.news(uow.db, uow.read)


async def _look_once(progress: ReadProgress) -> None:
    await progress.look()
