"""A fair queue: each owner's first item comes before any owner's second, so that many items of one delay no other's."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class FairQueue(Generic[ItemT]):
    """Items by owner; each owner's items keep their order, and owners take turns."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, deque[ItemT]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return how many items wait."""
        return self._count

    def add(self, name: Hashable, item: ItemT) -> None:
        """Add an item behind those of its owner."""
        self._lines.setdefault(name, deque()).append(item)
        self._count += 1

    def pop(self) -> ItemT:
        """Take the item whose turn it is.

        Raises:
            KeyError: the queue is empty.
        """
        name, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[name] = line
        self._count -= 1
        return item
