"""The wiring of compliance; the only place that constructs its parts."""

from services.compliance import api, consumer, instruments
from services.compliance.consent_desk import ConsentDesk
from services.compliance.domain import time_zones
from services.compliance.domain.rule_files import load_rules
from services.compliance.domain.rules import RuleTable
from services.compliance.judging import GateDesk
from services.compliance.settings import ComplianceSettings
from services.compliance.tables import ground, metadata
from shared.errors import ConfigurationFault
from shared.service import Runtime, Service
from shared.telemetry.logs import logger

NAME = "compliance"

log = logger(__name__)


def build(runtime: Runtime) -> Service:
    """Return the service.

    Raises:
        ConfigurationFault: the time zone data is too old to know this year's laws.
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
    units = runtime.units
    service = Service(
        NAME,
        metadata,
        ground,
        units,
        routers=[api.routes(ConsentDesk(units, runtime.sealer, settings.history_days))],
    )
    desk = GateDesk(runtime.clock, runtime.sealer, runtime.merchants, load_rules, settings.history_days)
    service.listen(runtime.log, consumer.router(desk))
    return service
