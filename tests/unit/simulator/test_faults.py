import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.simulator.faults import FaultKind, FaultPlan, FaultRule, Faults
from services.simulator.plan import dump_plan, expired, load_plan, outbound_plan
from services.simulator.texts import TextStatus

ALL = (TextStatus.QUEUED, TextStatus.SENT, TextStatus.DELIVERED)


def applied(seed: int, texts: int, probability: float) -> list[bool]:
    faults = Faults(seed)
    faults.replace(FaultPlan(rules=(FaultRule(kind=FaultKind.SLOW, probability=probability),)))
    return [faults.draw("+12025550123").answer is not None for _ in range(texts)]


def test_the_same_seed_strikes_the_same_texts_and_another_seed_others() -> None:
    assert applied(7, 200, 0.3) == applied(7, 200, 0.3)
    assert applied(7, 200, 0.3) != applied(8, 200, 0.3)
    assert 30 < sum(applied(7, 200, 0.3)) < 90


def test_a_rule_for_the_next_texts_strikes_so_many_and_then_never() -> None:
    faults = Faults(0)
    faults.replace(FaultPlan(rules=(FaultRule(kind=FaultKind.REFUSE, next=2, to="+1202*"),)))
    drawn = [faults.draw(to).answer for to in ("+13125550111", "+12025550123", "+12025550124", "+12025550125")]
    assert [rule is not None for rule in drawn] == [False, True, True, False]


def test_one_text_can_meet_a_fault_of_each_stage() -> None:
    faults = Faults(0)
    kinds = (FaultKind.ACCEPTED_THEN_500, FaultKind.UNDELIVERED, FaultKind.RECEIPTS_LOST, FaultKind.SLOW)
    faults.replace(FaultPlan(rules=tuple(FaultRule(kind=kind) for kind in kinds)))
    drawn = faults.draw("+12025550123")
    met = [rule.kind for rule in (drawn.answer, drawn.outcome, drawn.receipts) if rule is not None]
    assert met == [FaultKind.ACCEPTED_THEN_500, FaultKind.UNDELIVERED, FaultKind.RECEIPTS_LOST]


@pytest.mark.parametrize("wrong", [{"probability": 0}, {"probability": 1.1}, {"next": 0}, {"surprise": True}])
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FaultRule.model_validate({"kind": "slow", **wrong})


@given(
    latency_ms=st.integers(0, 10_000),
    outcome=st.sampled_from([None, FaultKind.UNDELIVERED, FaultKind.FAILED]),
    receipts=st.sampled_from(
        [None, FaultKind.RECEIPTS_LOST, FaultKind.RECEIPTS_REPEATED, FaultKind.RECEIPTS_DISORDERED]
    ),
    announced=st.sampled_from([(), (TextStatus.DELIVERED,), ALL]),
)
def test_every_plan_begins_queued_ends_final_and_is_stored_as_it_is(
    latency_ms: int, outcome: FaultKind | None, receipts: FaultKind | None, announced: tuple[TextStatus, ...]
) -> None:
    plan = outbound_plan(
        latency_ms=latency_ms,
        announced=announced,
        outcome=None if outcome is None else FaultRule(kind=outcome),
        receipts=None if receipts is None else FaultRule(kind=receipts),
    )
    statuses = [step.status for step in plan if step.status]
    assert statuses[0] is TextStatus.QUEUED
    assert statuses[-1] in {TextStatus.DELIVERED, TextStatus.UNDELIVERED, TextStatus.FAILED}
    assert load_plan(dump_plan(plan)) == plan
    announcements = [status for step in plan for status in step.announced]
    if receipts is FaultKind.RECEIPTS_LOST or not announced:
        assert announcements == []
    else:
        assert statuses[-1] in announcements
        assert set(announcements) <= set(statuses)


def test_a_text_that_expired_in_the_queue_is_never_sent() -> None:
    plan = outbound_plan(latency_ms=100, announced=ALL)
    assert [step.status for step in expired(plan, reached=0)] == [TextStatus.QUEUED, TextStatus.FAILED]
    assert expired(plan, reached=0)[-1].error_code == 30036
