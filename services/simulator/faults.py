"""Seeded faults: which text meets which misfortune, the same way every time for the same seed and order of requests."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from services.simulator.texts import TextStatus


class FaultKind(StrEnum):
    """Everything that can be made to go wrong.

    The first four happen before the text is accepted, so it does not exist afterwards. The `accepted_then_*` and
    `slow` come after it is durably accepted: it exists, and will be delivered, whatever the caller saw.
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


BEFORE_ACCEPTING: Final = frozenset(
    {FaultKind.UNAVAILABLE, FaultKind.THROTTLE, FaultKind.REFUSE, FaultKind.OPTED_OUT},
)
_OUTCOME: Final = frozenset({FaultKind.UNDELIVERED, FaultKind.FAILED})
_RECEIPTS: Final = frozenset(
    {FaultKind.RECEIPTS_DISORDERED, FaultKind.RECEIPTS_REPEATED, FaultKind.RECEIPTS_LOST},
)
_ANSWER: Final = frozenset(FaultKind) - _OUTCOME - _RECEIPTS


class FaultRule(BaseModel):
    """One misfortune, how often it strikes and whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    probability: float = Field(default=1.0, gt=0, le=1)
    next: int | None = Field(default=None, ge=1, description="Strikes so many texts, then never again.")
    to: str | None = Field(default=None, description="Only texts to this number; * stands for any digits.")
    code: int | None = Field(default=None, description="Error code of refuse, undelivered and failed.")
    http_status: int = Field(default=400, ge=400, le=499, description="HTTP status of refuse.")
    retry_after_seconds: int = Field(default=1, ge=0, description="Retry-After of throttle and unavailable.")
    delay_ms: int = Field(default=1000, ge=0, description="How long slow waits before it answers.")
    times: int = Field(default=2, ge=2, le=10, description="How often receipts_repeated says each receipt.")
    statuses: frozenset[TextStatus] | None = Field(
        default=None, description="Receipts lost or repeated; all if omitted."
    )


class FaultPlan(BaseModel):
    """All rules in force, in order of precedence, and the seed of their chances."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int | None = None
    rules: tuple[FaultRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfortune:
    """What one text meets: at most one fault of its answer, one of its outcome, one of its receipts."""

    answer: FaultRule | None = None
    outcome: FaultRule | None = None
    receipts: FaultRule | None = None


@dataclass(slots=True)
class _Armed:
    """A rule with its own stream of chances and the count of texts it has struck."""

    rule: FaultRule
    chance: random.Random
    struck: int = field(default=0)

    def strikes(self, recipient: str) -> bool:
        rule = self.rule
        if rule.next is not None and self.struck >= rule.next:
            return False
        if rule.to is not None and not fnmatchcase(recipient, rule.to):
            return False
        if rule.probability < 1 and self.chance.random() >= rule.probability:
            return False
        self.struck += 1
        return True


class Faults:
    """The rules in force."""

    def __init__(self, seed: int) -> None:
        self._default_seed = seed
        self._seed = seed
        self._armed: list[_Armed] = []

    def replace(self, plan: FaultPlan) -> None:
        """Put these rules in force instead of all others and start their chances anew."""
        self._seed = self._default_seed if plan.seed is None else plan.seed
        self._armed = [
            # Chances must repeat, not surprise.
            _Armed(rule, random.Random(f"{self._seed}:{position}:{rule.kind}"))  # noqa: S311 - faults on demand, not secrets
            for position, rule in enumerate(plan.rules)
        ]

    def draw(self, recipient: str) -> Misfortune:
        """Return what the next text to this number meets; of several rules for one stage the first that strikes."""
        if not self._armed:
            return Misfortune()
        return Misfortune(
            answer=self._first(_ANSWER, recipient),
            outcome=self._first(_OUTCOME, recipient),
            receipts=self._first(_RECEIPTS, recipient),
        )

    def report(self) -> dict[str, Any]:
        """Return the rules in force and how many texts each has struck, as JSON values."""
        return {
            "seed": self._seed,
            "rules": [
                {**armed.rule.model_dump(mode="json", exclude_defaults=True), "struck": armed.struck}
                for armed in self._armed
            ],
        }

    def _first(self, stage: frozenset[FaultKind], recipient: str) -> FaultRule | None:
        for armed in self._armed:
            if armed.rule.kind in stage and armed.strikes(recipient):
                return armed.rule
        return None
