"""The wiring of compliance; the only place that constructs its parts."""

import secrets

from services.compliance import api, consumer, holds, instruments, retention
from services.compliance.connectors.wiring import Connectors
from services.compliance.consent_desk import ConsentService
from services.compliance.domain import time_zones
from services.compliance.domain.rule_files import load_rules
from services.compliance.domain.rules import RuleTable
from services.compliance.imports import api as imports_api
from services.compliance.imports.desk import ImportService
from services.compliance.judging import GateService
from services.compliance.limiting import SHARES, LimitService
from services.compliance.preferences import api as preference_pages
from services.compliance.preferences.desk import PreferenceService
from services.compliance.preferences.links import PreferenceLinks
from services.compliance.rights import api as rights_api
from services.compliance.rights.api import RightsService
from services.compliance.rights.consumer import RightsHandlers
from services.compliance.roots import RootKeeper
from services.compliance.settings import ComplianceSettings
from services.compliance.signing import key_of
from services.compliance.tables import ground, metadata
from shared.bus.reading import ReadProgress, Unread
from shared.db.unit_of_work import UnitOfWork
from shared.errors import ConfigurationFault
from shared.events.topics import Topic
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Runtime, Service
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
    service = Service(
        NAME,
        metadata,
        ground,
        units,
        routers=[
            api.routes(consents, links, runtime.quotas),
            imports_api.routes(ImportService(consents), runtime.quotas),
            holds.routes(units),
            rights_api.routes(RightsService(consents, runtime.sealer)),
            preference_pages.routes(PreferenceService(units, runtime.sealer), links, runtime.merchants),
        ],
        loops=[
            *([] if key is None else [RootKeeper(units, runtime.clock, key).loop()]),
            Loop("retention", retention.step_of(units, settings), longest_seconds=SLOW_SECONDS),
            *connectors.loops(runtime.clock),
        ],
        worries=[holds.HeldMerchants(units).worry],
    )

    async def news(uow: UnitOfWork) -> Unread:
        return await hearing.news(uow.db, uow.read)

    desk = GateService(
        runtime.clock,
        runtime.sealer,
        runtime.merchants,
        load_rules,
        settings.history_days,
        news,
        LimitService(runtime.sealer, runtime.merchants, secrets.randbelow(SHARES)),
        connectors.registers,
    )
    source = service.listen(runtime.log, consumer.router(desk, RightsHandlers(runtime.sealer)))
    runtime.log.hears(ground, NEWS)
    hearing = ReadProgress(source, runtime.log.marks(), units, ground, NEWS)
    service.loops = [*service.loops, Loop("hear", hearing.look)]

    async def listen_first() -> None:
        await hearing.look()

    service.on_start = [*service.on_start, listen_first]
    return service
