"""One question to the gate, with an answer of *clear* unless a test says otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.compliance.gate.decision import decide
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, Policy, Recipient
from services.compliance.gate.verdicts import Verdict
from shared.events.follow_up import Purpose
from shared.rule_files.loader import load_rules
from shared.rules.numbers import facts_of
from shared.rules.table import ConsentStatus

NOON = datetime(2026, 12, 1, 17, tzinfo=UTC)  # Tuesday, noon in New York
NIGHT = datetime(2026, 12, 2, 4, tzinfo=UTC)  # 23:00 in New York
WRITTEN = Consent(ConsentStatus.PEWC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TICK = timedelta(microseconds=1)


def person(number: str = "+12125550123", **facts: object) -> Recipient:
    return replace(Recipient(facts_of(number)), **facts)  # type: ignore[arg-type] # each test names real fields


def judge(
    purpose: Purpose | None = Purpose.MARKETING,
    recipient: Recipient | None = None,
    consent: Consent = WRITTEN,
    history: tuple[HistoryItem, ...] = (),
    now: datetime = NOON,
    policy: Policy | None = None,
    expires_at: datetime | None = None,
    first_due_at: datetime | None = None,
) -> Verdict:
    message = JudgedText(purpose, first_due_at or now, expires_at)
    return decide(message, recipient or person(), consent, history, now, load_rules(), policy or Policy())
