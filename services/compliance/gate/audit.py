"""Stored verdicts judged again under another table: what would have been different, follow-up by follow-up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.compliance.gate import store
from services.compliance.gate.evaluation import answer_of
from services.compliance.gate.store import JudgedBetween, StoredVerdict
from services.compliance.gate.verdicts import Verdict
from shared.db.transaction import Transaction
from shared.ids import FollowUpId, MerchantId
from shared.rules.table import RuleTable


@dataclass(frozen=True, slots=True)
class VerdictOutcome:
    """What a verdict comes to; how long a clearance would have lasted is not compared."""

    decision: str
    reason: str
    until: str | None

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictOutcome":
        """Return a verdict's outcome in the words of the evaluation format."""
        answer = answer_of(verdict)
        return cls(answer.decision, answer.reason, answer.until)

    def __str__(self) -> str:
        until = f" until {self.until}" if self.until else ""
        return f"{self.decision} ({self.reason}){until}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One release of a follow-up that another table would have judged otherwise."""

    merchant_id: MerchantId
    follow_up_id: FollowUpId
    release: int
    decided_at: datetime
    was: VerdictOutcome
    would_be: VerdictOutcome


async def differences(
    db: Transaction, period: JudgedBetween, rules: RuleTable, note: Callable[[int], object]
) -> list[Difference]:
    """Return every verdict of a period that `rules` would have judged otherwise, in the order of follow-ups.

    All else that went in stays as recorded. `note` is called with the number judged again since its last call.
    """
    found: list[Difference] = []
    last: StoredVerdict | None = None
    while page := await store.page_of(db, period, last):
        for stored in page:
            was = VerdictOutcome.of(stored.record.verdict)
            would_be = VerdictOutcome.of(stored.record.inputs.verdict(rules))
            if was != would_be:
                key = stored.merchant_id, stored.follow_up_id, stored.release
                found.append(Difference(*key, stored.decided_at, was, would_be))
        note(len(page))
        last = page[-1]
    return found
