"""When to ask a provider for the status of a text it accepted, while no receipt has reported a final one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared.ids import AttemptId, MerchantId, RecipientId

QUERY_DELAYS: Final = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))
"""Receipts come within minutes; a carrier tries for hours; after a day there is seldom anything new."""
LISTING_THRESHOLD: Final = 20
"""From this many open queries on, an account is asked for a list instead: one page answers hundreds."""
_LISTING_SPAN: Final = timedelta(hours=1)
_SENT_TOLERANCE: Final = timedelta(minutes=10)
"""How far from our acceptance the provider may write that a text was sent: its queue, and clocks that differ."""
_FIRST_BACKOFF_SECONDS: Final = 60.0
_LONGEST_BACKOFF_SECONDS: Final = 1800.0


class UnreportedAttempt(NamedTuple):
    """A text that a provider accepted and whose final status is not known; named as the columns of its attempt."""

    id: AttemptId
    merchant_id: MerchantId
    recipient_id: RecipientId
    provider: str
    provider_message_id: str
    accepted_at: datetime
    ask_at: datetime


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The time between which an account's list of sent texts is asked for."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class QueryFailed:
    """The provider could not be asked, or did not answer usefully."""

    reason: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class AccountBackoff:
    """How long an account is not asked after queries that failed; monotonic seconds."""

    failures: int = 0
    until: float = float("-inf")

    def after(self, failure: QueryFailed, at: float) -> "AccountBackoff":
        """Return the backoff after one more failure: twice as long up to half an hour, or what the provider asks."""
        wait = min(_FIRST_BACKOFF_SECONDS * 2**self.failures, _LONGEST_BACKOFF_SECONDS)
        return AccountBackoff(min(self.failures + 1, 10), at + max(wait, failure.retry_after_seconds or 0.0))


def next_status_query(accepted_at: datetime, now: datetime) -> datetime | None:
    """Return when the provider is asked next; None after the last query. Queries missed during an outage become one."""
    return next((accepted_at + wait for wait in QUERY_DELAYS if accepted_at + wait > now), None)


def shared_listing(due: Sequence[UnreportedAttempt]) -> TimeRange | None:
    """Return the hour of the account's list that answers for most of these; None where too few are close together."""
    if len(due) < LISTING_THRESHOLD:
        return None
    times = sorted(each.accepted_at for each in due)
    first = best = most = 0
    for last, at in enumerate(times):
        while at - times[first] > _LISTING_SPAN:
            first += 1
        if last - first + 1 > most:
            best, most = first, last - first + 1
    if most < LISTING_THRESHOLD:
        return None
    return TimeRange(times[best] - _SENT_TOLERANCE, times[best + most - 1] + _SENT_TOLERANCE)
