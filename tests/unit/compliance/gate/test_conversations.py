"""A shop's own answer at the gate: what holds it, what it is not held by, and what is said of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from importlib import resources

import pytest

from services.compliance.gate import decision
from services.compliance.gate.decision import decide
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, Limit, PastKind, Policy
from services.compliance.gate.records import record_of
from services.compliance.gate.verdicts import Block, Clear, Defer, Reason
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.rule_files.loader import AREA_CODES_FILE, PLACES_FILE, QUIET_HOURS_FILE, load_rules, read_rules
from shared.rules.table import ConsentStatus, FrequencyCap, RuleTable
from tests.unit.compliance.gate.questions import HOUR, MINUTE, NIGHT, NOON, SECOND, TICK, judge, person

NOBODY = Consent(ConsentStatus.NONE)
MORNING = datetime.fromisoformat("2026-12-02T13:00:00Z")
LIVE = Policy().in_service()


def replied(*ages: timedelta, now: datetime = NOON) -> tuple[HistoryItem, ...]:
    return tuple(HistoryItem(now - age, PastKind.INBOUND_REPLY) for age in ages)


def answer(
    age: timedelta, now: datetime = NOON, policy: Policy | None = None, **facts: object
) -> Clear | Defer | Block:
    consent = facts.pop("consent", NOBODY)
    assert isinstance(consent, Consent)
    history = replied(age, now=now)
    return judge(Purpose.CONVERSATION, person(**facts), consent, history, now, policy)  # type: ignore[arg-type] # as there


def test_the_newest_reply_counts_and_one_still_to_come_does_not() -> None:
    newest = replied(23 * HOUR, MINUTE, 25 * HOUR, now=NIGHT)
    assert isinstance(judge(Purpose.CONVERSATION, consent=NOBODY, history=newest, now=NIGHT), Clear)
    ahead = replied(-SECOND)
    assert judge(Purpose.CONVERSATION, consent=NOBODY, history=ahead).reason is Reason.NO_RECENT_INBOUND


@pytest.mark.parametrize("kind", [kind for kind in PastKind if kind is not PastKind.INBOUND_REPLY])
def test_nothing_but_a_reply_is_a_reply(kind: PastKind) -> None:
    history = (HistoryItem(NOON, kind),)
    assert judge(Purpose.CONVERSATION, consent=NOBODY, history=history).reason is Reason.NO_RECENT_INBOUND


@pytest.mark.parametrize("status", [status for status in ConsentStatus if status is not ConsentStatus.REVOKED])
def test_the_reply_takes_the_place_of_every_consent(status: ConsentStatus) -> None:
    ended = Consent(status, expires_at=NOON - HOUR)
    assert isinstance(answer(HOUR, consent=ended), Clear)


@pytest.mark.parametrize("age", [timedelta(), MINUTE, HOUR])
def test_no_answer_follows_an_opt_out(age: timedelta) -> None:
    revoked = Consent(ConsentStatus.REVOKED, revoked_at=NOON)
    assert answer(age, consent=revoked).reason is Reason.OPTED_OUT
    assert answer(age, suppression=SuppressionCause.OPT_OUT).reason is Reason.OPTED_OUT
    lifted = Consent(ConsentStatus.EXPRESS, captured_at=NOON, revoked_at=NOON - TICK)
    assert isinstance(answer(age, consent=lifted), Clear)


@pytest.mark.parametrize(
    ("fact", "reason", "again"),
    [
        ("needs_review", Reason.NEEDS_REVIEW, 5 * MINUTE),
        ("parked", Reason.PARKED, 5 * MINUTE),
        ("consent_lag", Reason.CONSENT_LAG, 30 * SECOND),
        ("source_lag", Reason.SOURCE_LAG, 30 * SECOND),
    ],
)
def test_an_answer_waits_for_what_may_be_an_opt_out(fact: str, reason: Reason, again: timedelta) -> None:
    verdict = answer(HOUR, NOON, None, **{fact: True})
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (reason, NOON + again)
    assert "marketing" not in verdict.evidence.explanation


def test_a_short_hold_at_night_does_not_cost_the_quarter_of_an_hour() -> None:
    early, late = answer(MINUTE, NIGHT, consent_lag=True), answer(14 * MINUTE + 45 * SECOND, NIGHT, consent_lag=True)
    assert isinstance(early, Defer)
    assert isinstance(late, Defer)
    assert (early.until, late.until) == (NIGHT + 30 * SECOND, MORNING)


def test_an_answer_is_under_no_cap_no_pause_and_no_prohibition_of_marketing() -> None:
    many = tuple(HistoryItem(NOON, PastKind.CONVERSATION) for _ in range(50))
    strict = Policy(marketing_caps=(FrequencyCap(0, 24),), informational_caps=(FrequencyCap(0, 24),))
    history = (*replied(HOUR), *many)
    assert isinstance(judge(Purpose.CONVERSATION, consent=NOBODY, history=history, policy=strict), Clear)
    assert isinstance(answer(HOUR, paused_until=NOON + HOUR), Clear)
    assert isinstance(answer(HOUR, policy=Policy(emergency_blocks=frozenset({"US-NY"}))), Clear)


def test_an_answer_is_under_the_shops_limits_and_countries() -> None:
    verdict = answer(HOUR, limit=Limit(Reason.SPEND_LIMIT, NOON + HOUR))
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.SPEND_LIMIT, NOON + HOUR)
    abroad = Policy(destinations=frozenset({"CA"}))
    assert answer(HOUR, policy=abroad).reason is Reason.DESTINATION_NOT_ALLOWED


@pytest.mark.parametrize("obstacle", [SuppressionCause.ERASED, SuppressionCause.WRONG_PERSON, SuppressionCause.INVALID])
def test_a_suppressed_number_gets_no_answer(obstacle: SuppressionCause) -> None:
    assert answer(HOUR, suppression=obstacle).reason is Reason.SUPPRESSED_NUMBER
    assert answer(HOUR, policy=Policy(is_closed=True)).reason is Reason.MERCHANT_CLOSED


def test_in_service_an_answer_has_a_minute_left_at_each_of_its_ends() -> None:
    day, quarter = 24 * HOUR - MINUTE, 15 * MINUTE - MINUTE
    assert isinstance(answer(day, policy=LIVE), Clear)
    assert answer(day + TICK, policy=LIVE).reason is Reason.NO_RECENT_INBOUND
    assert isinstance(answer(quarter, NIGHT, LIVE), Clear)
    assert answer(quarter + TICK, NIGHT, LIVE).reason is Reason.QUIET_HOURS


def test_at_night_the_provider_may_try_until_the_quarter_of_an_hour_is_over() -> None:
    verdict = answer(5 * MINUTE, NIGHT)
    assert isinstance(verdict, Clear)
    assert verdict.window_closes_at == NIGHT + 10 * MINUTE
    evening = datetime.fromisoformat("2026-12-02T01:55:00Z")
    assert getattr(answer(timedelta(), evening), "window_closes_at", None) == evening + 15 * MINUTE
    assert getattr(answer(HOUR, evening), "window_closes_at", None) == evening + 5 * MINUTE


def test_what_is_said_of_an_answer_is_about_answers() -> None:
    assert "has just written" in answer(MINUTE, NIGHT).evidence.explanation
    assert "it may go now" in answer(MINUTE).evidence.explanation
    assert "24 hours" in answer(25 * HOUR).evidence.explanation
    assert "courtesy window for conversation texts" in answer(HOUR, NIGHT).evidence.explanation


def test_a_table_without_a_row_for_answers_lets_none_go_and_judges_all_else_as_before() -> None:
    files = [
        resources.files("shared.rule_files.data").joinpath(name).read_bytes()
        for name in (QUIET_HOURS_FILE, AREA_CODES_FILE, PLACES_FILE)
    ]
    rows = files[0].splitlines(keepends=True)
    older = read_rules(b"".join(row for row in rows if not row.startswith(b"  conversation:")), *files[1:])
    assert isinstance(older, RuleTable)
    asked = (JudgedText(Purpose.CONVERSATION, NOON), person(), NOBODY, replied(timedelta()), NOON)
    assert decide(*asked, older, Policy()).reason is Reason.NO_RECENT_INBOUND
    for purpose in set(Purpose) - {Purpose.CONVERSATION}:
        text = JudgedText(purpose, NOON), person(), Consent(ConsentStatus.PEWC), replied(timedelta()), NOON
        assert decide(*text, older, Policy()) == decide(*text, load_rules(), Policy())


def test_a_verdict_that_was_stored_before_there_were_answers_is_given_again() -> None:
    """Its inputs mean what they meant: so the version of the gate stays as it was."""
    stored = record_of(STORED_BY_VERSION_4.encode())
    assert stored.gate_version == "4" == decision.VERSION
    again = stored.inputs.verdict(load_rules())
    assert again == replace(stored.verdict, evidence=again.evidence)
    assert again.evidence.explanation == stored.verdict.evidence.explanation


STORED_BY_VERSION_4 = """
{"inputs": {"message": {"purpose": "marketing", "first_due_at": "2026-12-02T04:00:00Z", "expires_at": null},
"recipient": {"number": {"possible": true, "country": null, "area_code": "212", "costs_extra": false},
"known": {"time_zone": null, "state": null, "postal_code": "100", "country": null}, "line": "unknown", "ported": false,
"suppressed": false, "suppression": null, "is_of_shipping": false, "awaiting_consent": false, "needs_review": false,
"parked": false, "consent_lag": true, "source_lag": false, "paused_until": null, "limit": null},
"consent": {"status": "pewc", "captured_at": null, "expires_at": null, "revoked_at": null, "revoked_since": null},
"history": [{"at": "2026-12-02T03:00:00Z", "kind": "marketing"},
{"at": "2026-12-02T03:30:00Z", "kind": "inbound_help"}],
"now": "2026-12-02T14:00:00Z",
"policy": {"profile": "strict", "close_guard_seconds": 60, "marketing_caps": [], "informational_caps": [],
"allow_above_statutory": [], "max_defer_hours": null, "enforced": [], "emergency_blocks": [],
"least_clearance_seconds": 60, "destinations": null, "is_closed": false}},
"rules_version": "0123456789abcdef", "verdict": {"until": "2026-12-02T14:00:30Z", "reason": "consent_lag",
"evidence": {"explanation": "News about opt-outs is late, so marketing waits until it has caught up, \
so this text is looked at again at Wed 02 Dec 09:00 America/New_York time.",
"rules": [], "zones": [], "ignored": []}}, "gate_version": "4", "time_zones_version": "2026.2"}
"""
