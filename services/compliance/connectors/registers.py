"""What the gate asks registers about a number: those that the settings name, answered from memory, without waiting."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.compliance.connectors.files import SCRUB, DoNotCallFile, LineTypeFile, ReassignedFile
from services.compliance.gate.inputs import Consent, LineType
from services.compliance.settings import ComplianceSettings
from shared.clock import Clock
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.loop import SLOW_SECONDS, Loop
from shared.phone import E164
from shared.rules.table import ConsentStatus
from shared.telemetry.logs import logger

_LOOK_SECONDS = 60.0

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class NumberFindings:
    """What the registers say about one number."""

    line: LineType = LineType.UNKNOWN
    is_listed: bool = False
    reassigned_at: datetime | None = None

    def bars(self, purpose: Purpose, consent: Consent) -> bool:
        """Return whether the do-not-call list bars a text: marketing without written consent.

        Source: compliance section 4.3, written consent or a relationship exempts; a relationship is not relied upon.
        """
        return self.is_listed and purpose is Purpose.MARKETING and consent.status is not ConsentStatus.PEWC

    def suppression(self, consent: Consent) -> SuppressionCause | None:
        """Return the suppression of a number reassigned after the consent, or when the consent is undated.

        Source: compliance section 4.3, reassigned numbers.
        """
        if self.reassigned_at is None:
            return None
        is_newer = consent.captured_at is not None and consent.captured_at > self.reassigned_at
        return None if is_newer else SuppressionCause.REASSIGNED


NO_FINDINGS: Final = NumberFindings()


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers in use; None: there is none of this kind."""

    do_not_call: DoNotCallFile | None = None
    reassigned: ReassignedFile | None = None
    line_types: LineTypeFile | None = None

    @classmethod
    def of(cls, settings: ComplianceSettings) -> "Registers":
        """Return the registers named in the settings.

        Raises:
            ConfigurationFault: a file that is named cannot be read.
        """
        return cls(
            DoNotCallFile(settings.do_not_call_file) if settings.do_not_call_file else None,
            ReassignedFile(settings.reassigned_file) if settings.reassigned_file else None,
            LineTypeFile(settings.line_types_file) if settings.line_types_file else None,
        )

    def findings(self, number: E164) -> NumberFindings:
        """Return what is known of a number."""
        if self.do_not_call is None and self.reassigned is None and self.line_types is None:
            return NO_FINDINGS
        return NumberFindings(
            line=self.line_types.line_of(number) if self.line_types else LineType.UNKNOWN,
            is_listed=self.do_not_call is not None and self.do_not_call.is_listed(number),
            reassigned_at=self.reassigned.reassigned_at(number) if self.reassigned else None,
        )

    def loops(self, clock: Clock) -> list[Loop]:
        """Return the loop that rereads changed files; no loop without files."""
        files = [file for file in (self.do_not_call, self.reassigned, self.line_types) if file is not None]

        async def step() -> float:
            for file in files:
                await asyncio.to_thread(file.reload_if_changed)
            if self.do_not_call is not None and (age := self.do_not_call.age(clock.now())) > SCRUB:
                log.warning("do_not_call_stale", age_days=age.days, most_days=SCRUB.days)
            return _LOOK_SECONDS

        return [Loop("registers", step, longest_seconds=SLOW_SECONDS)] if files else []
