"""The herd at eight in the morning: how many texts may be released now, whose turn it is, and who waits a little.

Release is paced per sender number, so that what was released and not yet answered is never more than the number can
push in about ten seconds: cancels and opt-outs still reach what waits, and no topic holds stale texts.

Source: design section 8.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import zip_longest
from math import ceil
from typing import NamedTuple

from shared.ids import FollowUpId
from shared.vocabulary.purposes import Priority

PUSH_SECONDS = 10.0
"""What a number pushes in this time is what may be under way on it."""
RELEASE_ANSWER_LIMIT = timedelta(minutes=2)
"""A released text without an answer counts this long; after that it raises an alarm instead."""
LAPSE_PAUSE = timedelta(seconds=30)
"""After its second lapse a text is asked about at most twice a minute, whatever makes it lapse."""
_SPREAD_STEPS = 1 << 32


class Waiting(NamedTuple):
    """A follow-up whose hour has come and whose turn has not."""

    follow_up_id: FollowUpId
    merchant_id: str
    sender_number: str
    priority: Priority
    due_at: datetime


def room(parts_per_second: float, unanswered: int) -> int:
    """Return how many more texts may be released on a number now; one is always possible when none is under way."""
    return max(0, max(1, ceil(parts_per_second * PUSH_SECONDS)) - unanswered)


def chosen(waiting: Iterable[Waiting], rooms: Mapping[str, int], limit: int) -> list[Waiting]:
    """Return who goes now: by priority, then merchant by merchant in turns, each number within its room.

    Answers to people who just wrote need no room: there is one for each text received.
    """
    left = dict(rooms)
    result: list[Waiting] = []
    by_priority: dict[Priority, list[Waiting]] = {}
    for each in waiting:
        by_priority.setdefault(each.priority, []).append(each)
    for priority in sorted(by_priority):
        for each in _in_turns(by_priority[priority]):
            if len(result) == limit:
                return result
            if priority is not Priority.ANSWER:
                if left.get(each.sender_number, 0) < 1:
                    continue
                left[each.sender_number] -= 1
            result.append(each)
    return result


def _in_turns(waiting: Sequence[Waiting]) -> Iterable[Waiting]:
    """Yield one of each merchant after the other, each merchant's in the order they were due."""
    queues: dict[str, list[Waiting]] = {}
    for each in sorted(waiting, key=lambda w: (w.due_at, w.follow_up_id)):
        queues.setdefault(each.merchant_id, []).append(each)
    for turn in zip_longest(*(queues[merchant] for merchant in sorted(queues))):
        yield from (each for each in turn if each is not None)


def spread(opening: datetime, follow_up_id: FollowUpId, window: timedelta) -> datetime:
    """Return this follow-up's own moment in the window after an opening hour: always the same one, evenly spread."""
    share = int.from_bytes(sha256(follow_up_id.bytes).digest()[:4], "big") / _SPREAD_STEPS
    return opening + window * share


def pause_after_lapse(release: int) -> timedelta:
    """Return how long after a lapse a text is asked about again: the first time at once, then no more than that."""
    return LAPSE_PAUSE if release > 1 else timedelta()
