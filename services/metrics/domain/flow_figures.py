"""What each flow and each step of it did in a window, and what waits there now, from the sums of facts (pure).

A run plans every text of its flow when it begins, so the runs that began are the plans of the step that has most of
them; one version after the other, since the steps of two versions are not the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.metrics.domain.rollups import Measure
from shared.vocabulary.follow_up_states import OPEN, RUNNING

BY: Final = ("flow", "flow_version", "step")
"""The columns of the sums that this is computed from."""
ENDS: Final = (Measure.BLOCKED, Measure.CANCELLED, Measure.EXPIRED, Measure.FAILED)
"""How a text ends without arriving; each for a reason."""


@dataclass(slots=True)
class StepTally:
    """The sums of a step, or of all steps of a flow."""

    counts: Counter[Measure] = field(default_factory=Counter)
    ends: Counter[tuple[Measure, str]] = field(default_factory=Counter)
    """How many ended in each way, and why."""
    money: dict[Measure, Counter[str]] = field(default_factory=dict)
    """Revenue and cost by currency, in the unit of the measure."""
    waiting: int = 0
    """Planned or released, and not ended, now."""
    running: int = 0
    """Likewise, or sent and without a receipt."""

    def take(self, measure: Measure, detail: str, value: int) -> None:
        """Add one sum."""
        if measure is Measure.IN_STATE:
            self.waiting += value if detail in OPEN else 0
            self.running += value if detail in RUNNING else 0
            return
        self.counts[measure] += value
        if measure in ENDS:
            self.ends[measure, detail] += value
        if measure in {Measure.REVENUE, Measure.TEXT_REVENUE, Measure.COST}:
            self.money.setdefault(measure, Counter())[detail] += value


@dataclass(slots=True)
class FlowTally(StepTally):
    """The sums of a flow."""

    steps: dict[str, StepTally] = field(default_factory=dict)
    """By name; the one with most plans first, which is the order of the steps where people left on the way."""
    entered: int = 0
    """Runs that began in the window."""
    active: int = 0
    """Runs that have a text that has not ended, counted at the step where most of them have one."""


def flow_tallies(rows: Iterable[Mapping[str, Any]]) -> dict[str, FlowTally]:
    """Return what happened by flow, in the order of their names.

    Args:
        rows: sums by measure, detail and the columns of `BY`; those of a window, and those of now.
    """
    found: dict[str, FlowTally] = {}
    versions: dict[tuple[str, str], dict[str, StepTally]] = {}
    for row in rows:
        flow, step = row["flow"], row["step"]
        if not flow:  # a fact of a text that no plan is known of yet
            continue
        tally = found.setdefault(flow, FlowTally())
        of_version = versions.setdefault((flow, row["flow_version"]), {})
        measure, detail, value = Measure(row["measure"]), row["detail"], int(row["value"])
        for each in (tally, tally.steps.setdefault(step, StepTally()), of_version.setdefault(step, StepTally())):
            each.take(measure, detail, value)
    for (flow, _), steps in versions.items():
        found[flow].entered += max(step.counts[Measure.PLANNED] for step in steps.values())
        found[flow].active += max(step.running for step in steps.values())
    return dict(sorted(found.items()))
