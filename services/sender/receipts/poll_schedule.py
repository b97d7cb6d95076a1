"""When a provider is asked what became of a text it took, where no receipt has told the end of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.ids import AttemptId, FollowUpId, MerchantId, RecipientId

ASKED_AFTER: Final = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))
"""Receipts come within minutes; a carrier tries for hours; after a day there is seldom anything new."""
LISTED_FROM: Final = 20
"""So many open questions to one account are put as one: a page of its list answers hundreds."""
_LISTED_AT_ONCE: Final = timedelta(hours=1)
_SENT_AROUND: Final = timedelta(minutes=10)
"""How far from our acceptance the provider may write that a text was sent: its queue, and clocks that differ."""
_FIRST_REST_SECONDS: Final = 60.0
_LONGEST_REST_SECONDS: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Unreported:
    """A text the provider took, and whose end nobody has told."""

    attempt_id: AttemptId
    follow_up_id: FollowUpId
    merchant_id: MerchantId
    recipient_id: RecipientId
    provider: str
    provider_message_id: str
    accepted_at: datetime
    ask_at: datetime


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time within which an account sent; its list of texts is asked for between these."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Silent:
    """The provider could not be asked, or did not say."""

    reason: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """How long an account is left alone after questions it did not answer; monotonic seconds."""

    failures: int = 0
    until: float = float("-inf")

    def after(self, silent: Silent, at: float) -> "Rest":
        """Return a longer rest, as long as the provider wants at least."""
        wait = min(_FIRST_REST_SECONDS * 2**self.failures, _LONGEST_REST_SECONDS)
        return Rest(min(self.failures + 1, 10), at + max(wait, silent.retry_after_seconds or 0.0))


def next_question(accepted_at: datetime, now: datetime) -> datetime | None:
    """Return when the provider is asked next; None after the last question.

    Questions that were missed while nobody could ask are one question now, and not several.
    """
    return next((accepted_at + wait for wait in ASKED_AFTER if accepted_at + wait > now), None)


def listed_together(due: Sequence[Unreported]) -> Stretch | None:
    """Return the hour of the account's list that answers for most of these; None where few are close together."""
    if len(due) < LISTED_FROM:
        return None
    times = sorted(each.accepted_at for each in due)
    first = best = most = 0
    for last, at in enumerate(times):
        while at - times[first] > _LISTED_AT_ONCE:
            first += 1
        if last - first + 1 > most:
            best, most = first, last - first + 1
    if most < LISTED_FROM:
        return None
    return Stretch(times[best] - _SENT_AROUND, times[best + most - 1] + _SENT_AROUND)
