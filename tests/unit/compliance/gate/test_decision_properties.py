"""What holds for every text, person, past and moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.compliance.gate.decision import CLEARANCE, decide
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, LineType, PastKind, Policy, Recipient
from services.compliance.gate.records import DecisionInputs, RecordWriter, decision_record, recompute, record_of
from services.compliance.gate.verdicts import Clear, Defer, Reason
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.rule_files.loader import load_rules
from shared.rules.numbers import IMPOSSIBLE, NumberFacts
from shared.rules.places import KnownPlace
from shared.rules.quiet_hours import SendingWindow
from shared.rules.table import ConsentStatus, FrequencyCap, RuleTable
from shared.vocabulary.profiles import Profile


def shipped() -> RuleTable:
    table = load_rules()
    assert isinstance(table, RuleTable)
    return table


TABLE = shipped()
LONG_WAIT = 24 * 60
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made aware here
    lambda moment: moment.replace(tzinfo=UTC)
)
AGES = st.timedeltas(timedelta(), timedelta(hours=50))
NUMBERS = st.one_of(
    st.just(IMPOSSIBLE),
    st.sampled_from([*sorted(TABLE.area_codes), "500", "800", "900"]).map(
        lambda code: NumberFacts(possible=True, area_code=code)
    ),
    st.sampled_from(["GB", "GG", "FR", "AU", "ES", "TR", "CO", "ZA", "JP", "RU", None]).map(
        lambda country: NumberFacts(possible=True, country=country)
    ),
)
KNOWN = st.builds(
    KnownPlace,
    time_zone=st.sampled_from([None, "America/Denver", "Europe/Paris", "Mars/Phobos", ""]),
    state=st.sampled_from([None, "FL", "TX", "US-RI", "on", "Utah", "XX"]),
    postal_code=st.sampled_from([None, "33101", "02903", "K1A", "00000"]),
    country=st.sampled_from([None, "US", "CA", "fr", "PR", "Atlantis"]),
)
RECIPIENTS = st.builds(
    Recipient,
    number=NUMBERS,
    known=KNOWN,
    line=st.sampled_from([LineType.UNKNOWN, LineType.MOBILE, LineType.VOIP, LineType.LANDLINE]),
    ported=st.booleans(),
    suppressed=st.sampled_from([False, False, False, True]),
    suppression=st.sampled_from([None, None, None, *SuppressionCause]),
    awaiting_consent=st.booleans(),
    needs_review=st.booleans(),
    parked=st.booleans(),
    consent_lag=st.booleans(),
)
OPEN_RECIPIENTS = st.builds(Recipient, number=NUMBERS.filter(lambda facts: facts.possible), known=KNOWN)
POLICIES = st.builds(
    Policy,
    profile=st.sampled_from(Profile),
    close_guard_seconds=st.sampled_from([None, 0, 60, 300, 90_000]),
    marketing_caps=st.sampled_from(
        [(), (FrequencyCap(1, 24),), (FrequencyCap(0, 24),), (FrequencyCap(9, 24), FrequencyCap(4, 168))]
    ),
    allow_above_statutory=st.sampled_from([frozenset[str](), frozenset({"US", "US-FL"})]),
    max_defer_hours=st.sampled_from([None, 1, LONG_WAIT]),
    enforced=st.sampled_from([frozenset[str](), frozenset({"US-SD", "US-CA"})]),
    emergency_blocks=st.sampled_from([frozenset[str](), frozenset({"US-LA"})]),
)


@st.composite
def inputs(draw: st.DrawFn) -> DecisionInputs:
    now = draw(MOMENTS)
    maybe = st.none() | AGES.map(lambda age: now - age) | AGES.map(lambda age: now + age)
    return DecisionInputs(
        message=JudgedText(draw(st.none() | st.sampled_from(Purpose)), now - draw(AGES), draw(maybe)),
        recipient=draw(RECIPIENTS),
        consent=Consent(draw(st.sampled_from(ConsentStatus)), draw(maybe), draw(maybe), draw(maybe)),
        history=tuple(
            draw(
                st.lists(st.builds(HistoryItem, AGES.map(lambda age: now - age), st.sampled_from(PastKind)), max_size=6)
            )
        ),
        now=now,
        policy=draw(POLICIES),
    )


@st.composite
def promising(draw: st.DrawFn) -> DecisionInputs:
    """Draw marketing that only hours, holidays and caps can hold back."""
    now = draw(MOMENTS)
    return DecisionInputs(
        message=JudgedText(Purpose.MARKETING, now),
        recipient=draw(OPEN_RECIPIENTS),
        consent=Consent(ConsentStatus.PEWC),
        history=tuple(HistoryItem(now - draw(AGES), PastKind.MARKETING) for _ in range(draw(st.integers(0, 5)))),
        now=now,
        policy=Policy(profile=draw(st.sampled_from(Profile)), max_defer_hours=LONG_WAIT),
    )


@given(inputs())
@settings(max_examples=300, deadline=None)
def test_the_gate_answers_whatever_it_is_asked(asked: DecisionInputs) -> None:
    verdict = decide(asked.message, asked.recipient, asked.consent, asked.history, asked.now, TABLE, asked.policy)
    assert verdict.evidence.explanation.endswith(".")
    assert (verdict.reason is Reason.OK) == isinstance(verdict, Clear)
    if isinstance(verdict, Clear):
        assert asked.now <= verdict.valid_until <= asked.now + CLEARANCE
    if isinstance(verdict, Defer):
        assert asked.now < verdict.until


@given(promising())
@settings(max_examples=300, deadline=None)
def test_judged_again_at_until_the_answer_is_send(asked: DecisionInputs) -> None:
    verdict = decision_record(asked, TABLE).verdict
    if isinstance(verdict, Defer):
        again = decision_record(replace(asked, now=verdict.until), TABLE).verdict
        assert isinstance(again, Clear), f"{verdict} then {again}"


@given(promising())
@settings(max_examples=200, deadline=None)
def test_a_deferral_always_lands_inside_the_window_of_every_rule_in_every_zone(asked: DecisionInputs) -> None:
    verdict = decision_record(asked, TABLE).verdict
    if isinstance(verdict, Defer):
        for rule in verdict.evidence.rules:
            for found in verdict.evidence.zones:
                window = SendingWindow((TABLE.jurisdictions[rule.id],), (TABLE.time_zones.zone(found.zone),))
                assert rule.skipped is not None or window.is_open(verdict.until)


@given(promising(), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_no_instant_before_until_would_have_been_cleared(asked: DecisionInputs, share: float) -> None:
    verdict = decision_record(asked, TABLE).verdict
    if isinstance(verdict, Defer):
        earlier = asked.now + (verdict.until - asked.now) * share
        if earlier < verdict.until:
            assert isinstance(decision_record(replace(asked, now=earlier), TABLE).verdict, Defer)


@given(promising())
@settings(max_examples=200, deadline=None)
def test_a_clearance_stays_true_while_it_is_valid(asked: DecisionInputs) -> None:
    verdict = decision_record(asked, TABLE).verdict
    if isinstance(verdict, Clear):
        last = verdict.valid_until - timedelta(microseconds=1)
        assert isinstance(decision_record(replace(asked, now=last), TABLE).verdict, Clear)


@given(inputs())
@settings(max_examples=200, deadline=None)
def test_a_stored_record_gives_the_same_verdict_again(asked: DecisionInputs) -> None:
    record = decision_record(asked, TABLE)
    restored = record_of(RecordWriter().as_bytes(record))
    assert restored == record
    assert recompute(restored, TABLE) == record.verdict
