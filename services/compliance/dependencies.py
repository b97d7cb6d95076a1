"""What the entry points of compliance (HTTP, events, time) work with; the only place that constructs it."""

import secrets
from dataclasses import dataclass
from typing import Self

from services.compliance.caps.limit_service import SHARES, LimitService
from services.compliance.connectors.registers import Registers
from services.compliance.consents.import_service import ImportService
from services.compliance.consents.service import ConsentService
from services.compliance.gate.service import GateService
from services.compliance.preferences.links import PreferenceLinks
from services.compliance.preferences.service import PreferenceService
from services.compliance.privacy.service import RightsService
from services.compliance.settings import ComplianceSettings
from services.compliance.tables import audit_tables
from shared.audit_log import AuditLog
from shared.bus.port import Source
from shared.bus.read_progress import ReadProgress
from shared.db.system_tables import SystemTables
from shared.events.topics import Topic
from shared.rule_files.loader import load_rules
from shared.service import Runtime
from shared.signing import SigningKey, key_of
from shared.telemetry.logs import logger

NEWS = (Topic.CONSENTS, Topic.ENGAGEMENT)
"""Topics whose unread events may forbid a follow-up: withdrawals, and replies."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ComplianceDependencies:
    """The parts of the service, each constructed once."""

    runtime: Runtime
    system_tables: SystemTables
    settings: ComplianceSettings
    progress: ReadProgress
    registers: Registers
    signing_key: SigningKey | None
    """None: days of the ledger stay unsigned."""
    gate: GateService
    consents: ConsentService
    imports: ImportService
    rights: RightsService
    links: PreferenceLinks
    preferences: PreferenceService
    audit: AuditLog

    @classmethod
    def of(cls, runtime: Runtime, system_tables: SystemTables, source: Source) -> Self:
        """Return the parts; the gate must know how far the `source` of events has been read.

        Raises:
            ConfigurationFault: a file named in the settings cannot be used.
        """
        settings, units, sealer = ComplianceSettings(), runtime.units, runtime.sealer
        signing_key = key_of(settings.signing_key_file, runtime.settings)
        if signing_key is None:
            log.warning("ledger_unsigned", advice="name a key with FOLLOWUP_COMPLIANCE_SIGNING_KEY_FILE")
        registers = Registers.of(settings)
        runtime.log.announce_reading(system_tables, NEWS)
        progress = ReadProgress(source, runtime.log.marks(), units, system_tables, NEWS)
        audit = AuditLog(audit_tables, sealer)
        consents = ConsentService(units, sealer, system_tables, settings.history_days, audit)
        return cls(
            runtime=runtime,
            system_tables=system_tables,
            settings=settings,
            progress=progress,
            registers=registers,
            signing_key=signing_key,
            gate=GateService(
                clock=runtime.clock,
                sealer=sealer,
                merchants=runtime.merchants,
                rules=load_rules,
                history_days=settings.history_days,
                progress=progress,
                limits=LimitService(sealer, runtime.merchants, secrets.randbelow(SHARES)),
                registers=registers,
            ),
            consents=consents,
            imports=ImportService(consents),
            rights=RightsService(consents),
            links=PreferenceLinks(sealer, runtime.settings.address, settings.preference_link_days),
            preferences=PreferenceService(units, sealer),
            audit=audit,
        )
