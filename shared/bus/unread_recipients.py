"""Whose news lies in the log unread: recipients by the offset of their last unread event, partition by partition.

Only keys are looked at, each once: from where the service has read to, up to an end of the log. So what one person or
one merchant sends holds up nobody else's texts. What is kept is bounded: past so many keys a partition counts as
unknown, and nobody of it is let through, until the service has read on.
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
    """Every event before this offset was looked at, or read."""
    last: OrderedDict[RecipientId, int] = field(default_factory=OrderedDict)
    """Each recipient's last unread offset, lowest first: a recipient that comes again goes to the end.

    In a plain dict, whose first members are deleted again and again, each look would pass over all that were.
    """


class UnreadRecipients:
    """The keys of the partitions a process holds.

    Args:
        most: how many recipients one partition may have unread.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._of: dict[Partition, _Keys] = {}

    def hold(self, partitions: Collection[Partition]) -> None:
        """Forget what was known of every other partition: somebody else reads it now."""
        self._of = {partition: self._of.get(partition) or _Keys() for partition in partitions}

    def read(self, positions: Mapping[Partition, int]) -> None:
        """Take note of how far the service has read."""
        for partition, keys in self._of.items():
            position = positions.get(partition, 0)
            for _ in [*takewhile(position.__gt__, keys.last.values())]:
                keys.last.popitem(last=False)
            keys.looked_to = max(keys.looked_to, position)

    def note(self, partition: Partition, offset: int, recipient_id: RecipientId) -> None:
        """Take note of an event; those of one partition come in the order of their offsets."""
        keys = self._of[partition]
        keys.last[recipient_id] = offset
        keys.last.move_to_end(recipient_id)

    def looked(self, partition: Partition, up_to: int) -> None:
        """Take note that everything before an offset was looked at."""
        keys = self._of[partition]
        keys.looked_to = max(keys.looked_to, up_to)

    def looked_to(self, partition: Partition) -> int:
        """Return the offset to look at next."""
        keys = self._of.get(partition)
        return 0 if keys is None else keys.looked_to

    def is_full(self, partition: Partition) -> bool:
        """Return whether no more is looked at before the service has read on."""
        keys = self._of.get(partition)
        return keys is not None and len(keys.last) >= self._most

    def count(self) -> int:
        """Return how many recipients have something unread."""
        return sum(len(keys.last) for keys in self._of.values())

    def is_unread(self, partition: Partition, recipient_id: RecipientId, position: int) -> bool:
        """Return whether something about a person, or about everybody, lies at or past a position."""
        keys = self._of.get(partition)
        if keys is None or not keys.last:
            return False
        return keys.last.get(recipient_id, -1) >= position or keys.last.get(WHOLE_MERCHANT, -1) >= position
