"""The queues of busy sender numbers, looked at in turns."""

from collections.abc import Collection, Iterable, Mapping

from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.release import store
from services.scheduler.release.pacing import Queued
from shared.db.transaction import Transaction

_NUMBERS_PER_STEP = 64
"""Queues looked at in one step; the next step continues with the ones after them."""


class NumberQueues:
    """Goes round the queues of the partitions assigned to this process."""

    def __init__(self) -> None:
        self._last_number = ""
        """Where the round continues; any value is correct, it only makes numbers take turns."""

    async def next_numbers(self, db: Transaction, partitions: Collection[int]) -> list[str]:
        """Return the next few numbers that have a queue."""
        numbers: list[str] = []
        for _ in range(_NUMBERS_PER_STEP):
            found = await store.next_number(db, partitions, self._last_number)
            self._last_number = found or ""
            if found is None:
                break
            numbers.append(found)
        return numbers

    async def heads(
        self, db: Transaction, partitions: Collection[int], capacity: Mapping[str, int], most: int
    ) -> list[Queued]:
        """Return of each number's queue as many as it has capacity for, at most `most`, in the order they will go."""
        return [
            queued
            for number, free in capacity.items()
            if free > 0
            for queued in await store.head_of_queue(db, partitions, number, min(free, most))
        ]


def queued(waiting: Iterable[FollowUp]) -> list[Queued]:
    """Return the places that follow-ups would have in the queues."""
    return [
        Queued(follow_up.id, follow_up.merchant_id, follow_up.sender_number, follow_up.priority, follow_up.due_at)
        for follow_up in waiting
    ]
