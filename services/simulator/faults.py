"""Seeded faults: which text meets which fault; the same seed and order of requests give the same faults."""

import random
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from services.simulator.texts import TextStatus


class FaultKind(StrEnum):
    """Everything that can be made to fail.

    The first four happen before the text is accepted, so it does not exist afterwards. `accepted_then_*` and `slow`
    happen after it is durably accepted: it exists, and will be delivered, whatever the caller received.
    """

    UNAVAILABLE = "unavailable"
    THROTTLE = "throttle"
    REFUSE = "refuse"
    OPTED_OUT = "opted_out"
    ACCEPTED_THEN_TIMEOUT = "accepted_then_timeout"
    ACCEPTED_THEN_RESET = "accepted_then_reset"
    ACCEPTED_THEN_500 = "accepted_then_500"
    SLOW = "slow"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIPTS_DISORDERED = "receipts_disordered"
    RECEIPTS_REPEATED = "receipts_repeated"
    RECEIPTS_LOST = "receipts_lost"


BEFORE_ACCEPTING: Final = frozenset({FaultKind.UNAVAILABLE, FaultKind.THROTTLE, FaultKind.REFUSE, FaultKind.OPTED_OUT})
_OUTCOME: Final = frozenset({FaultKind.UNDELIVERED, FaultKind.FAILED})
_RECEIPTS: Final = frozenset({FaultKind.RECEIPTS_DISORDERED, FaultKind.RECEIPTS_REPEATED, FaultKind.RECEIPTS_LOST})
_ANSWER: Final = frozenset(FaultKind) - _OUTCOME - _RECEIPTS


class FaultRule(BaseModel):
    """One fault, how often it applies and to which numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    probability: float = Field(default=1.0, gt=0, le=1)
    next: int | None = Field(default=None, ge=1, description="Applies to so many texts, then never again.")
    to: str | None = Field(default=None, description="Only texts to this number; * stands for any digits.")
    code: int | None = Field(default=None, description="Error code of refuse, undelivered and failed.")
    http_status: int = Field(default=400, ge=400, le=499, description="HTTP status of refuse.")
    retry_after_seconds: int = Field(default=1, ge=0, description="Retry-After of throttle and unavailable.")
    delay_ms: int = Field(default=1000, ge=0, description="How long slow waits before it answers.")
    times: int = Field(default=2, ge=2, le=10, description="How often receipts_repeated sends each receipt.")
    statuses: frozenset[TextStatus] | None = Field(
        default=None, description="Receipts lost or repeated; all if omitted."
    )


class FaultPlan(BaseModel):
    """All rules in force, in order of precedence, and the seed of their random choices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int | None = None
    rules: tuple[FaultRule, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawnFaults:
    """The faults of one text: at most one of its answer, one of its outcome, one of its receipts."""

    answer: FaultRule | None = None
    outcome: FaultRule | None = None
    receipts: FaultRule | None = None


@dataclass(slots=True)
class _ActiveRule:
    """A rule with its own random numbers and the count of texts it was applied to."""

    rule: FaultRule
    chance: random.Random
    applied: int = 0

    def applies_to(self, recipient: str) -> bool:
        rule = self.rule
        if rule.next is not None and self.applied >= rule.next:
            return False
        if rule.to is not None and not fnmatchcase(recipient, rule.to):
            return False
        if rule.probability < 1 and self.chance.random() >= rule.probability:
            return False
        self.applied += 1
        return True


class Faults:
    """The rules in force."""

    def __init__(self, seed: int) -> None:
        self._default_seed = seed
        self._seed = seed
        self._active: list[_ActiveRule] = []

    def replace(self, plan: FaultPlan) -> None:
        """Replace all rules and restart their random numbers."""
        self._seed = self._default_seed if plan.seed is None else plan.seed
        self._active = [
            # Random choices must repeat.
            _ActiveRule(rule, random.Random(f"{self._seed}:{position}:{rule.kind}"))  # noqa: S311 - faults on demand, not secrets
            for position, rule in enumerate(plan.rules)
        ]

    def draw(self, recipient: str) -> DrawnFaults:
        """Return the faults of the next text to this number; of several rules for one stage the first that applies."""
        if not self._active:
            return DrawnFaults()
        return DrawnFaults(
            answer=self._first(_ANSWER, recipient),
            outcome=self._first(_OUTCOME, recipient),
            receipts=self._first(_RECEIPTS, recipient),
        )

    def report(self) -> dict[str, Any]:
        """Return the rules in force and how many texts each was applied to, as JSON values."""
        return {
            "seed": self._seed,
            "rules": [
                {**active.rule.model_dump(mode="json", exclude_defaults=True), "struck": active.applied}
                for active in self._active
            ],
        }

    def _first(self, stage: frozenset[FaultKind], recipient: str) -> FaultRule | None:
        for active in self._active:
            if active.rule.kind in stage and active.applies_to(recipient):
                return active.rule
        return None
