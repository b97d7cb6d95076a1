"""What the gate asks registers about a number; every implementation answers from memory, without waiting."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from services.compliance.gate.inputs import Consent, LineType
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.phone import E164
from shared.rules.table import ConsentStatus


class DoNotCall(Protocol):
    """A registry of numbers whose holders refuse solicitation (47 CFR 64.1200(c)(2); texts since FCC 23-107)."""

    def is_listed(self, number: E164) -> bool:
        """Return whether the number is listed."""
        ...


class ReassignedNumbers(Protocol):
    """Numbers that were reassigned to another holder (47 CFR 64.1200(m))."""

    def reassigned_at(self, number: E164) -> datetime | None:
        """Return when the number was last reassigned; None: not known to be."""
        ...


class LineTypes(Protocol):
    """What kind of line a number is."""

    def line_of(self, number: E164) -> LineType:
        """Return the kind, `UNKNOWN` for a number that is not in the register."""
        ...


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


@dataclass(slots=True)
class Registers:
    """The registers in use; None: there is none of this kind."""

    do_not_call: DoNotCall | None = None
    reassigned: ReassignedNumbers | None = None
    line_types: LineTypes | None = None

    def findings(self, number: E164) -> NumberFindings:
        """Return what is known of a number."""
        if self.do_not_call is None and self.reassigned is None and self.line_types is None:
            return NO_FINDINGS
        return NumberFindings(
            line=self.line_types.line_of(number) if self.line_types else LineType.UNKNOWN,
            is_listed=self.do_not_call is not None and self.do_not_call.is_listed(number),
            reassigned_at=self.reassigned.reassigned_at(number) if self.reassigned else None,
        )
