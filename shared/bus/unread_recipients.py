"""Recipients with unread events in the log, by the offset of their last one, partition by partition.

Only keys are read, each once: from the service's position up to an end of the log. So one recipient's or merchant's
events do not delay the texts of others. Memory is bounded: beyond so many keys a partition counts as unknown, and no
text of it is released until the service has read on.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from shared.bus.partitioning import WHOLE_MERCHANT
from shared.bus.port import Partition
from shared.ids import RecipientId

MOST_KEYS = 200_000
"""Of one partition: some twenty megabytes."""


@dataclass(slots=True)
class _Keys:
    """One partition's."""

    looked_to: int = 0
    """Every event before this offset was read, or its key was."""
    last: OrderedDict[RecipientId, int] = field(default_factory=OrderedDict)
    """Each recipient's last unread offset, lowest first: a recipient with a new event moves to the end.

    An ordinary dict would scan its deleted first members again at each `read`.
    """


class UnreadRecipients:
    """The keys of the partitions assigned to a process.

    Args:
        most: how many recipients one partition may have unread.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._of: dict[Partition, _Keys] = {}

    def hold(self, partitions: Collection[Partition]) -> None:
        """Drop what is known of every other partition: another process reads it now."""
        self._of = {partition: self._of.get(partition) or _Keys() for partition in partitions}

    def read(self, positions: Mapping[Partition, int]) -> None:
        """Record how far the service has read."""
        for partition, keys in self._of.items():
            position = positions.get(partition, 0)
            for _ in [*takewhile(position.__gt__, keys.last.values())]:
                keys.last.popitem(last=False)
            keys.looked_to = max(keys.looked_to, position)

    def note(self, partition: Partition, offset: int, recipient_id: RecipientId) -> None:
        """Record an event; those of one partition come in the order of their offsets."""
        keys = self._of[partition]
        keys.last[recipient_id] = offset
        keys.last.move_to_end(recipient_id)

    def looked(self, partition: Partition, up_to: int) -> None:
        """Record that every key before an offset was read."""
        keys = self._of[partition]
        keys.looked_to = max(keys.looked_to, up_to)

    def looked_to(self, partition: Partition) -> int:
        """Return the offset to read keys from next."""
        keys = self._of.get(partition)
        return 0 if keys is None else keys.looked_to

    def is_full(self, partition: Partition) -> bool:
        """Return whether no more keys are read before the service has read on."""
        keys = self._of.get(partition)
        return keys is not None and len(keys.last) >= self._most

    def count(self) -> int:
        """Return how many recipients have something unread."""
        return sum(len(keys.last) for keys in self._of.values())

    def is_unread(self, partition: Partition, recipient_id: RecipientId, position: int) -> bool:
        """Return whether an event about a recipient, or about a whole merchant, is at or past a position."""
        keys = self._of.get(partition)
        if keys is None or not keys.last:
            return False
        return keys.last.get(recipient_id, -1) >= position or keys.last.get(WHOLE_MERCHANT, -1) >= position
