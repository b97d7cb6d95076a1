"""What a benchmark measures of the machine, and the shape of its results."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_FSYNCS = 50
_SPIN = 2_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of one benchmark: the median of its rounds."""

    name: str
    value: float
    unit: str
    rounds: tuple[float, ...]
    target: str = ""
    """The target of the design, in words; empty if there is none."""

    def line(self) -> str:
        """Return the figure as a line for a person."""
        spread = f"  [{min(self.rounds):,.2f} to {max(self.rounds):,.2f}]" if len(self.rounds) > 1 else ""
        target = f"  (target {self.target})" if self.target else ""
        return f"  {self.name:<58} {self.value:>12,.2f} {self.unit}{spread}{target}"


def figure(name: str, unit: str, rounds: Sequence[float], target: str = "") -> Figure:
    """Return the median of some rounds."""
    return Figure(name, statistics.median(rounds), unit, tuple(rounds), target)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one benchmark."""

    name: str
    figures: tuple[Figure, ...]
    settings: dict[str, str]
    """What was asserted to hold while it ran."""

    def document(self) -> dict[str, object]:
        """Return it for a JSON file."""
        return asdict(self)


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def memory_mb(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process in MB: now, and at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, peak = (float(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, float]:
    """Return what this machine can do at this moment: processors, a small loop, an fsync, and the load on it."""
    began = time.perf_counter()
    count = 0
    while count < _SPIN:
        count += 1
    spin = time.perf_counter() - began
    return {
        "processors": float(os.cpu_count() or 1),
        "million_steps_per_second": _SPIN / spin / 1e6,
        "fsync_milliseconds": _fsync_milliseconds(),
        "load_one_minute": os.getloadavg()[0],
    }


def _fsync_milliseconds() -> float:
    """Return the median time of writing a page to this machine's disk for good."""
    taken = []
    with TemporaryDirectory() as folder, (Path(folder) / "page").open("wb") as page:
        for _ in range(_FSYNCS):
            page.write(b"x" * 4096)
            page.flush()
            began = time.perf_counter()
            os.fsync(page.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
