"""What Deliverability shows of sender numbers and provider accounts: whether they send, and their figures (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel

from services.console.answers import ShownFigure
from services.console.charts import value_words
from services.console.words import rows_address, words

_MOST_COUNTED: Final = 1000
"""How far the sender counts the queue of a number."""
_KINDS: Final = {
    "long_code": "long code",
    "toll_free": "toll-free",
    "short_code": "short code",
    "alphanumeric": "sender name",
}
_REGISTRATIONS: Final = {
    "registered": ("registered", "good"),
    "pending": ("registration pending", "wait"),
    "unregistered": ("not registered", "wait"),
    "not_needed": ("no registration needed", ""),
}
_STATES: Final = {"closed": ("sends", "good"), "open": ("paused", "wait"), "halted": ("held", "bad")}
_ADVICE: Final = {
    "open": "Its calls had no clear answer, or a carrier's daily cap is reached. Look at the provider's status page; "
    "it goes on by itself with the first clear answer.",
    "halted": "The provider reports a fault of the account, the number or its registration. Mend it in the provider's "
    "console; it goes on by itself once one call succeeds.",
}
_ERRORS: Final = {
    "unanswered": "without an answer",
    "not_sent": "not sent: no connection",
    "opted_out": "opted out at the provider",
    "invalid": "number does not exist",
    "not_mobile": "not a mobile number",
    "unreachable": "phone not reached",
    "filtered": "filtered by a carrier",
    "throttled": "too fast for the provider",
    "sender_unregistered": "sender not registered",
    "quiet_hours": "refused for the hour",
    "content": "refused for the text",
    "config": "fault of the account",
    "unknown": "another reason",
}


class _Errors(BaseModel):
    errors_24h: dict[str, int]

    @property
    def errors(self) -> list[tuple[str, int]]:
        """Errors of the last day in words, the most frequent first."""
        return [(_ERRORS.get(name, words(name)), count) for name, count in self.errors_24h.items()]


class ShownNumber(_Errors):
    """A sender number, as the sender answers it."""

    number: str
    provider: str
    kind: str
    registration: str
    parts_per_second: float
    queued: int
    state: Literal["closed", "open", "halted"]
    reason: str | None
    tries_again_at: datetime | None

    @property
    def kind_words(self) -> str:
        """What kind of number it is."""
        return _KINDS.get(self.kind, words(self.kind))

    @property
    def registration_words(self) -> tuple[str, str]:
        """Its registration, with the tone."""
        return _REGISTRATIONS.get(self.registration, (words(self.registration), ""))

    @property
    def state_words(self) -> tuple[str, str]:
        """Whether it sends, with the tone."""
        return _STATES[self.state]

    @property
    def is_held(self) -> bool:
        """Whether its texts wait."""
        return self.state != "closed"

    @property
    def advice(self) -> str:
        """What to do about a number whose texts wait."""
        return _ADVICE.get(self.state, "")

    @property
    def reason_words(self) -> str:
        """What opened or halted it."""
        reason = self.reason or "no reason is kept"
        if reason.isdecimal():
            return f"the provider's code {reason}"
        return f"HTTP {reason.removeprefix('http_')}" if reason.startswith("http_") else words(reason)

    @property
    def queue_words(self) -> str:
        """How many texts wait for it."""
        return f"{self.queued:,}{'+' if self.queued >= _MOST_COUNTED else ''}"


class ShownAnswerTimes(BaseModel):
    """How long a provider took to answer lately."""

    calls: int
    median_seconds: float
    p95_seconds: float

    @property
    def in_words(self) -> str:
        """The median, and what 95 of 100 calls stayed below."""
        return f"{self.median_seconds:.2f} s; 95 % in {self.p95_seconds:.2f} s"


class ShownAccount(_Errors):
    """A provider account, as the sender answers it."""

    provider: str
    kind: str
    is_usable: bool
    numbers: list[str]
    held_numbers: int
    answers_in: ShownAnswerTimes | None = None

    @property
    def state_words(self) -> tuple[str, str]:
        """Whether texts leave through it, with the tone."""
        if not self.is_usable:
            return "cannot be used", "bad"
        if not self.held_numbers:
            return "works", "good"
        every = len(self.numbers)
        return f"{self.held_numbers} of {every} number{'' if every == 1 else 's'} held", "wait"


@dataclass(frozen=True, slots=True)
class SenderFigures:
    """What a number or a provider did in seven days."""

    values: Mapping[str, tuple[str, str]]
    """By name: the value and the address of its rows."""
    failures: Sequence[tuple[str, int, str]]
    """Why texts failed, how many, and their rows; the most frequent first."""


def figures_of(group: str, figures: Sequence[ShownFigure]) -> SenderFigures:
    """Return the figures of one number or provider."""
    own = [figure for figure in figures if figure.group == group]
    values: dict[str, tuple[str, str]] = {}
    for name in dict.fromkeys(figure.name for figure in own):
        found = [figure for figure in own if figure.name == name]
        if found[0].reason is None:
            values[name] = value_words(found[0], found[0].value), rows_address(found[0].rows or "")
        else:  # counted by reason: together
            count = sum(figure.numerator for figure in found)
            values[name] = f"{count:,.0f}", rows_address(found[0].rows or "", without="detail")
    failed = [
        (words(figure.reason or "no reason given"), int(figure.numerator), rows_address(figure.rows or ""))
        for figure in own
        if figure.name == "failed" and figure.numerator
    ]
    return SenderFigures(values, sorted(failed, key=lambda each: -each[1]))
