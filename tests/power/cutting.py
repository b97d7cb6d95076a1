"""What a power cut leaves: synced writes are there; others may be missing, torn by sector or out of order."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.power.recording import Acknowledged, Delete, Operation, Statement, Sync, Truncate, Write

_SECTORS: Final = (512, 4096)


@dataclass(slots=True)
class Disk:
    """What is on the disk, what is on its way there, and what was acknowledged to the outside."""

    durable: dict[str, bytearray]
    pending: dict[str, list[Write | Truncate]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[str, int] = field(default_factory=dict)
    provider: list[str] = field(default_factory=list)
    """The statements of the provider's own database until now."""

    def apply(self, operation: Operation) -> None:
        """Let one thing happen."""
        match operation:
            case Write(file) | Truncate(file):
                self.pending[file].append(operation)
            case Sync(file):
                image = self.durable.setdefault(file, bytearray())
                for each in self.pending.pop(file, ()):
                    _land(image, each)
            case Delete(file):
                self.durable.pop(file, None)
                self.pending.pop(file, None)
            case Acknowledged(what, number):
                self.acknowledged[what] = number
            case Statement("provider", sql):
                self.provider.append(sql)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Cut:
    """The files as one power cut left them."""

    after: int
    """So many operations had been begun."""
    files: Mapping[str, bytes]
    acknowledged: Mapping[str, int]
    provider: int
    """How many statements the provider had heard."""


def cuts(base: Mapping[str, bytes], done: Sequence[Operation], number: int, seed: int) -> Iterator[Cut]:
    """Yield cuts spread evenly over a run, each leaving its unsynced writes in another state."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, nothing secret
    disk = Disk({name: bytearray(image) for name, image in base.items()})
    made = 0
    for place, operation in enumerate(done, start=1):
        disk.apply(operation)
        wanted = number * place // len(done)
        while made < wanted:
            made += 1
            yield Cut(place, _left(disk, chance), dict(disk.acknowledged), len(disk.provider))


def _left(disk: Disk, chance: random.Random) -> dict[str, bytes]:
    files = {}
    for name in {*disk.durable, *disk.pending}:
        image = bytearray(disk.durable.get(name, b""))
        waiting = disk.pending.get(name, [])
        match chance.randrange(4):
            case 0:
                kept: Sequence[Write | Truncate] = ()
            case 1:
                kept = waiting[: chance.randint(0, len(waiting))]
            case 2:
                kept = [each for each in waiting if chance.random() < 0.5]
            case _:
                kept = [part for each in waiting for part in _torn(each, chance)]
                chance.shuffle(kept)
        for each in kept:
            _land(image, each)
        files[name] = bytes(image)
    return files


def _torn(each: Write | Truncate, chance: random.Random) -> list[Write | Truncate]:
    """Return the sectors of a write that reached the disk."""
    if isinstance(each, Truncate):
        return [each] if chance.random() < 0.5 else []
    sector = chance.choice(_SECTORS)
    first = each.offset // sector * sector
    return [
        Write(each.file, max(start, each.offset), each.data[max(start - each.offset, 0) : start + sector - each.offset])
        for start in range(first, each.offset + len(each.data), sector)
        if chance.random() < 0.5
    ]


def _land(image: bytearray, each: Write | Truncate) -> None:
    if isinstance(each, Truncate):
        del image[each.size :]
        return
    if len(image) < each.offset:
        image.extend(bytes(each.offset - len(image)))
    image[each.offset : each.offset + len(each.data)] = each.data
