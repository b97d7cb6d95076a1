"""What the gate asks others about a number; whoever answers does so at once, from memory."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from services.compliance.gate.inputs import Consent, LineType
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.phone import E164
from shared.rules.table import ConsentStatus


class DoNotCall(Protocol):
    """A registry of numbers that want no solicitation (47 CFR 64.1200(c)(2); texts since FCC 23-107)."""

    def is_listed(self, number: E164) -> bool:
        """Return whether the number stands there."""
        ...


class Reassigned(Protocol):
    """Numbers that changed hands (47 CFR 64.1200(m))."""

    def reassigned_at(self, number: E164) -> datetime | None:
        """Return when the number last left somebody's hands, as far as is known."""
        ...


class LineTypes(Protocol):
    """What kind of line a number is."""

    def line_of(self, number: E164) -> LineType:
        """Return the kind, `UNKNOWN` for a number nobody looked up."""
        ...


@dataclass(frozen=True, slots=True)
class NumberNews:
    """What is known of one number from outside."""

    line: LineType = LineType.UNKNOWN
    is_listed: bool = False
    reassigned_at: datetime | None = None

    def bars(self, purpose: Purpose, consent: Consent) -> bool:
        """Return whether the do-not-call list bars a text: marketing to whom gave no written consent.

        Source: compliance section 4.3, written consent or a relationship exempts; a relationship is not relied upon.
        """
        return self.is_listed and purpose is Purpose.MARKETING and consent.status is not ConsentStatus.PEWC

    def suppression(self, consent: Consent) -> SuppressionCause | None:
        """Return the suppression of a number that changed hands after, or at an unknown time to, the consent.

        Source: compliance section 4.3, reassigned numbers.
        """
        if self.reassigned_at is None:
            return None
        is_newer = consent.captured_at is not None and consent.captured_at > self.reassigned_at
        return None if is_newer else SuppressionCause.REASSIGNED


NO_NEWS: Final = NumberNews()


@dataclass(slots=True)
class Registers:
    """The connectors in use; None is nobody to ask."""

    do_not_call: DoNotCall | None = None
    reassigned: Reassigned | None = None
    line_types: LineTypes | None = None

    def news(self, number: E164) -> NumberNews:
        """Return what is known of a number."""
        if self.do_not_call is None and self.reassigned is None and self.line_types is None:
            return NO_NEWS
        return NumberNews(
            line=self.line_types.line_of(number) if self.line_types else LineType.UNKNOWN,
            is_listed=self.do_not_call is not None and self.do_not_call.is_listed(number),
            reassigned_at=self.reassigned.reassigned_at(number) if self.reassigned else None,
        )
