"""A line in which everybody's first stands before anybody's second: many of one name hold nobody of another."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class FairQueue(Generic[ItemT]):
    """Items by name; each name keeps its own order, and names take turns."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, deque[ItemT]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return how many items wait."""
        return self._count

    def add(self, name: Hashable, item: ItemT) -> None:
        """Let an item wait behind those of its name."""
        self._lines.setdefault(name, deque()).append(item)
        self._count += 1

    def pop(self) -> ItemT:
        """Take the item whose turn it is.

        Raises:
            KeyError: nobody waits.
        """
        name, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[name] = line
        self._count -= 1
        return item
