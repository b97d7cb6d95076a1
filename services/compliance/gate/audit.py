"""Stored verdicts judged again under another table: what would have been different, text by text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.compliance.gate.evaluation import answer_of
from services.compliance.gate.records import DecisionRecord, judged_under, record_of
from services.compliance.gate.verdicts import Verdict
from services.compliance.tables import decisions
from shared.db.transaction import Row, Transaction
from shared.ids import FollowUpId, MerchantId
from shared.rules.table import RuleTable

_PAGE_ROWS = 1_000


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

    merchant: MerchantId
    follow_up: FollowUpId
    release: int
    decided_at: datetime
    was: VerdictOutcome
    would_be: VerdictOutcome


@dataclass(frozen=True, slots=True)
class Period:
    """Which verdicts to look at: `start` included, `end` not; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Return the period as conditions of a query."""
        at = decisions.c.decided_at
        first = [] if self.start is None else [at >= self.start]
        return [*first, *([] if self.end is None else [at < self.end])]


async def verdicts_in(db: Transaction, period: Period) -> int:
    """Return how many verdicts a period holds."""
    counted = sa.select(sa.func.count().label("verdicts")).select_from(decisions).where(*period.conditions())
    return int((await db.rows(counted))[0]["verdicts"])


async def differences(
    db: Transaction, period: Period, rules: RuleTable, note: Callable[[int], object]
) -> list[Difference]:
    """Return every verdict of a period that `rules` would have judged otherwise, in the order of follow-ups.

    Args:
        db: where the verdicts are.
        period: which of them.
        rules: the other table; everything else that went in stays as it was recorded.
        note: told how many more verdicts have been judged again.
    """
    found: list[Difference] = []
    last: Row | None = None
    while page := await _page(db, period, last):
        for row in page:
            difference = _difference(row, record_of(bytes(row["record"])), rules)
            if difference is not None:
                found.append(difference)
        note(len(page))
        last = page[-1]
    return found


def _difference(row: Row, record: DecisionRecord, rules: RuleTable) -> Difference | None:
    was, would_be = VerdictOutcome.of(record.verdict), VerdictOutcome.of(judged_under(record, rules))
    if was == would_be:
        return None
    key = MerchantId(row["merchant_id"]), FollowUpId(row["follow_up_id"]), int(row["release"])
    return Difference(*key, row["decided_at"], was, would_be)


async def _page(db: Transaction, period: Period, last: Row | None) -> list[Row]:
    """Return the verdicts after `last`, a page of them, by follow-up and release."""
    key = (decisions.c.follow_up_id, decisions.c.release)
    asked = sa.select(*key, decisions.c.merchant_id, decisions.c.decided_at, decisions.c.record)
    if last is not None:
        same = sa.and_(key[0] == last["follow_up_id"], key[1] > last["release"])
        asked = asked.where(sa.or_(key[0] > last["follow_up_id"], same))
    return await db.rows(asked.where(*period.conditions()).order_by(*key).limit(_PAGE_ROWS))
