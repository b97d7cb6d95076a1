"""`make torture`: the long fault runs, section by section, each with its time; a section can be run alone.

Every section runs, whatever became of those before it; the answer is 0 only when all passed and none was skipped.

    make torture                          # all, within an hour on two cores
    make torture SECTION="power kill"     # some
    make torture SEED=7                   # other random questions, texts, cuts and faults; the same for the same seed
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LONGEST_SECONDS = 1800
"""The time limit of a test that sets none."""


@dataclass(frozen=True, slots=True)
class Section:
    """Some files of tests, and what they put to the proof."""

    name: str
    about: str
    files: tuple[str, ...]


SECTIONS = (
    Section(
        "oracle", "a million random questions, and every opening of a year, to the gate and its oracle", ("oracle",)
    ),
    Section("texts", "hostile replies and templates end within their steps and memory", ("unit",)),
    Section("description", "150 made-up requests for each operation: no answer undeclared, none a failure", ("web",)),
    Section("replies", "a hundred thousand signed forms: stored, refused or parked", ("integration/sender",)),
    Section("imports", "a million rows in the memory of twenty thousand", ("integration/compliance/consents",)),
    Section(
        "gate",
        "two processes that judge the same people at the same time",
        ("integration/across_services/concurrency",),
    ),
    Section("kafka", "members that come and go under load", ("contract",)),
    Section("kill", "embedded: killed at every failpoint among 500 follow-ups", ("e2e/test_kill_and_restart.py",)),
    Section("faults", "distributed: killed at every failpoint, rebalances, freezes", ("e2e/test_faults.py",)),
    Section("outages", "the broker away, the database crashing, among hundreds", ("e2e/test_outages.py",)),
    Section("late-news", "a hundred withdrawals and orders in each outage", ("e2e/test_late_news.py",)),
    Section("controls", "a thousand races of a pause or stop against what becomes due", ("e2e/test_controls.py",)),
    Section("power", "100,000 power cuts, 1,000 of them started again", ("power",)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections that are named, in that order, or all; return 0 when they passed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(each.name for each in SECTIONS))
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    parser.add_argument("--workers", type=int, default=2, help="processes at once (2)")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    asked = parser.parse_args(arguments)
    known = {each.name: each for each in SECTIONS}
    if unknown := set(asked.sections) - known.keys():
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    chosen = [known[name] for name in dict.fromkeys(asked.sections or known)]
    if asked.list:
        for each in chosen:
            _say(f"{each.name:10} {each.about}")
        return 0
    told = [_run(place, each, len(chosen), asked.seed, asked.workers) for place, each in enumerate(chosen, 1)]
    _say(f"\ntorture, seed {asked.seed}: {sum(seconds for _, seconds in told) / 60:.1f} minutes")
    for section, (passed, seconds) in zip(chosen, told, strict=True):
        _say(f"  {section.name:10} {'passed' if passed else 'FAILED':8} {seconds:6.0f} s  {section.about}")
    return 0 if all(passed for passed, _ in told) else 1


def _run(place: int, section: Section, of: int, seed: int, workers: int) -> tuple[bool, float]:
    """Run one section; return whether it passed, and how many seconds it took."""
    _say(f"[{place}/{of}] {section.name}: {section.about}")
    began = time.monotonic()
    command = [
        *(sys.executable, "-m", "pytest", *(f"tests/{file}" for file in section.files), "-m", "torture"),
        *("-o", "addopts=-ra --strict-markers --import-mode=importlib", "--timeout", str(_LONGEST_SECONDS)),
        *("-n", str(workers), "--dist", "worksteal", "--hypothesis-seed", str(seed), "-q"),
    ]
    environment = os.environ | {"FOLLOWUP_TORTURE_SEED": str(seed), "FOLLOWUP_REQUIRE_CONNECTED": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603 - pytest on our own tests
    return ended.returncode == 0, time.monotonic() - began


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
