"""Pacing of releases: how many follow-ups may be released on a number now, and which ones.

Releases are paced by sender number, so that those without an answer are never more than the number can send in about
ten seconds: cancellations and opt-outs still take effect on what waits, and no topic holds stale follow-ups.

Source: design section 8.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import zip_longest
from math import ceil
from typing import NamedTuple, Self

from services.scheduler.lifecycle.follow_up import FollowUp
from shared.ids import FollowUpId
from shared.vocabulary.purposes import Priority

CAPACITY_SECONDS = 10.0
"""What a number sends in this time may be released on it without an answer."""
RELEASE_ANSWER_LIMIT = timedelta(minutes=2)
"""A release without an answer counts against the capacity this long; after that it raises an alarm instead."""
LAPSE_PAUSE = timedelta(seconds=30)
"""After its second lapse a follow-up is released at most twice a minute, whatever makes it lapse."""
_SPREAD_STEPS = 1 << 32


class Queued(NamedTuple):
    """The place of a due follow-up in the queue of its sender number."""

    follow_up_id: FollowUpId
    merchant_id: str
    sender_number: str
    priority: Priority
    due_at: datetime

    @classmethod
    def of(cls, waiting: FollowUp) -> Self:
        """Return the place that a follow-up would have."""
        return cls(waiting.id, waiting.merchant_id, waiting.sender_number, waiting.priority, waiting.due_at)


def capacity(parts_per_second: float, unanswered: int) -> int:
    """Return how many more follow-ups may be released on a number now; at least one where none is unanswered."""
    return max(0, max(1, ceil(parts_per_second * CAPACITY_SECONDS)) - unanswered)


def choose(queued: Iterable[Queued], capacities: Mapping[str, int], limit: int) -> list[Queued]:
    """Return what is released now: by priority, then merchants in turns, each number within its capacity.

    Answers to HELP and STOP need no capacity: there is at most one for each message received.
    """
    left = dict(capacities)
    result: list[Queued] = []
    by_priority: dict[Priority, list[Queued]] = {}
    for candidate in queued:
        by_priority.setdefault(candidate.priority, []).append(candidate)
    for priority in sorted(by_priority):
        for candidate in _merchants_in_turns(by_priority[priority]):
            if len(result) == limit:
                return result
            if priority is not Priority.ANSWER:
                if left.get(candidate.sender_number, 0) < 1:
                    continue
                left[candidate.sender_number] -= 1
            result.append(candidate)
    return result


def _merchants_in_turns(queued: Iterable[Queued]) -> Iterable[Queued]:
    """Yield one of each merchant after the other, each merchant's in the order they are due."""
    queues: dict[str, list[Queued]] = {}
    for candidate in sorted(queued, key=lambda place: (place.due_at, place.follow_up_id)):
        queues.setdefault(candidate.merchant_id, []).append(candidate)
    for turn in zip_longest(*(queues[merchant] for merchant in sorted(queues))):
        yield from (candidate for candidate in turn if candidate is not None)


def spread(opening: datetime, follow_up_id: FollowUpId, window: timedelta) -> datetime:
    """Return a follow-up's own moment in the window after an opening hour: always the same, evenly distributed."""
    fraction = int.from_bytes(sha256(follow_up_id.bytes).digest()[:4], "big") / _SPREAD_STEPS
    return opening + window * fraction


def pause_after_lapse(release: int) -> timedelta:
    """Return how long after a lapse a follow-up is due again: at once after the first, then `LAPSE_PAUSE`."""
    return LAPSE_PAUSE if release > 1 else timedelta()
