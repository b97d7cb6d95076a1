"""What became of a case, beside what its file expects (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.config.flow_cases import CaseTime, ExpectedText, FlowCase

_TO_THE_MINUTE: Final = timedelta(minutes=1)
_WRITTEN: Final = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class TextOutcome:
    """What became of one text of the flow."""

    text: str
    """The name of its step."""
    state: str
    reason: str | None
    first_due_at: datetime
    sent_at: datetime | None
    """When a provider accepted it."""
    words: str | None
    """As the phone got them; None where it was not sent."""

    @property
    def at(self) -> datetime:
        """When it was sent or, if it was not, when it was due first."""
        return self.sent_at or self.first_due_at

    def said(self, zone: ZoneInfo) -> str:
        """Return it as a line: thanks delivered at 2026-12-01 11:00."""
        reason = f" ({self.reason})" if self.reason and self.reason != self.state else ""
        how = "at" if self.sent_at else "due"
        return f"{self.text} {self.state}{reason}, {how} {self.at.astimezone(zone).strftime(_WRITTEN)}"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case ended."""

    case: str
    differences: tuple[str, ...]
    """Each a sentence; none where everything was as expected."""
    outcomes: tuple[str, ...]
    """Every text of the flow as a line, in the order in which they were due."""
    seconds: float
    """Of the machine's time."""

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences


def instant(at: CaseTime, case: FlowCase, zone: ZoneInfo) -> datetime:
    """Return when a time of a case is: a duration counts from its start as elapsed time."""
    if isinstance(at, datetime):
        return at.replace(tzinfo=zone)
    return starts_at(case, zone) + at


def starts_at(case: FlowCase, zone: ZoneInfo) -> datetime:
    """Return when a case starts."""
    return datetime.fromtimestamp(case.starts.replace(tzinfo=zone).timestamp(), zone)


def differences(case: FlowCase, outcomes: Sequence[TextOutcome], zone: ZoneInfo) -> list[str]:
    """Return what is other than expected; a text that the case does not name is a difference, too.

    Of several texts of one name the first expected one is compared with the first that was due, and so on.
    """
    left = sorted(outcomes, key=lambda each: (each.first_due_at, each.text))
    found: list[str] = []
    for expected in case.expect:
        outcome = next((each for each in left if each.text == expected.text), None)
        if outcome is None:
            found.append(f"{expected.text} was expected to be {expected.state}, and was never planned")
            continue
        left.remove(outcome)
        found += [f"{expected.text} {each}" for each in _of_one(expected, outcome, case, zone)]
    return found + [f"{each.said(zone)}: the case does not expect it" for each in left]


def _of_one(expected: ExpectedText, outcome: TextOutcome, case: FlowCase, zone: ZoneInfo) -> list[str]:
    found = []
    was = f"was {outcome.state}" + (f" ({outcome.reason})" if outcome.reason not in {None, outcome.state} else "")
    if outcome.state != expected.state:
        found.append(f"was expected to be {expected.state}, and {was}")
    elif expected.reason is not None and outcome.reason != expected.reason:
        found.append(f"was expected to be {expected.state} ({expected.reason}), and {was}")
    if expected.at is not None:
        wanted = instant(expected.at, case, zone)
        if abs(outcome.at - wanted) >= _TO_THE_MINUTE:
            there, here = (each.astimezone(zone).strftime(_WRITTEN) for each in (wanted, outcome.at))
            found.append(f"was expected at {there}, and {'went' if outcome.sent_at else 'was due'} at {here}")
    missing = [words for words in expected.wanted_words if words not in (outcome.words or "")]
    if missing:
        said = f"it reads “{outcome.words}”" if outcome.words else "it was not sent"
        found += [f"does not say “{words}”: {said}" for words in missing]
    return found
