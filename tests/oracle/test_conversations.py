"""A shop's own answers: vectors, random questions to engine and oracle, and faults that the comparison must see."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.compliance.gate import decision
from services.compliance.gate.advice import advise
from tests.oracle.cases import conversation
from tests.oracle.engine import answer, difference
from tests.oracle.gate_oracle import instant, judge
from tests.oracle.test_vectors import FILE, reported
from tests.oracle.wall_clock import COURTESY, HOURS
from tests.seeds import SEED

BLOCK, BLOCKS = 1_000, 10
TORTURE_BLOCK, TORTURE_BLOCKS = 10_000, 20
FAULT_CASES = range(2_000)
Fault = Callable[[pytest.MonkeyPatch], None]


def asked(vector: dict[str, Any]) -> dict[str, Any]:
    history = [{"at": vector["replied"], "class": "inbound_reply"}] if vector["replied"] else []
    consent = {"status": "revoked", "revoked_at": vector["revoked"]} if "revoked" in vector else {"status": "none"}
    return {"to": vector["to"], "class": "conversation", "now": vector["now"], "history": history, "consent": consent}


@pytest.mark.parametrize("vector", FILE["conversations"], ids=lambda vector: vector["about"])
def test_each_side_of_each_boundary_of_a_reply(vector: dict[str, Any]) -> None:
    expected = vector["decision"], vector["reason"], instant(vector["end"])
    assert reported(advise(asked(vector))) == expected
    theirs = judge(asked(vector))
    assert (theirs.decision, theirs.reason, theirs.until or theirs.valid_until) == expected


def differences(first: int, count: int) -> list[str]:
    found = (difference(conversation(seed)) for seed in range(first, first + count))
    return [each for each in found if each is not None]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_engine_and_oracle_never_part_over_ten_thousand_answers(block: int) -> None:
    assert differences(block * BLOCK, BLOCK) == []


@pytest.mark.torture
@pytest.mark.parametrize("block", range(TORTURE_BLOCKS))
def test_engine_and_oracle_never_part_over_two_hundred_thousand_answers(block: int) -> None:
    first = BLOCKS * BLOCK + (SEED * TORTURE_BLOCKS + block) * TORTURE_BLOCK
    assert differences(first, TORTURE_BLOCK) == []


def test_the_random_answers_meet_every_outcome() -> None:
    seen = {(found.decision, found.reason) for found in map(judge, map(conversation, FAULT_CASES))}
    assert seen >= {
        ("send", "ok"), ("defer", "quiet_hours"), ("block", "no_recent_inbound"), ("block", "opted_out"),
        ("block", "message_expired"), ("block", "destination_not_allowed"), ("block", "unsupported_number_type"),
    }  # fmt: skip


def test_the_hours_of_answers_are_the_courtesy_hours() -> None:
    assert HOURS["class_defaults"]["conversation"]["hours"] == COURTESY


def the_quarter_of_an_hour_is_a_moment_longer(patch: pytest.MonkeyPatch) -> None:
    """A quarter of an hour later it is still any hour."""
    timed = decision._timed

    def later(case: Any) -> Any:
        return timed(case._replace(any_hour_until=case.any_hour_until + timedelta(microseconds=1)))

    patch.setattr(decision, "_timed", later)


def answers_keep_no_hours(patch: pytest.MonkeyPatch) -> None:
    """It is always any hour."""
    patch.setattr(decision._Case, "is_any_hour", property(lambda self: self.any_hour_until is not None))


def prompt_answers_keep_hours(patch: pytest.MonkeyPatch) -> None:
    """It is never any hour."""
    patch.setattr(decision._Case, "is_any_hour", property(lambda _self: False))


def a_clearance_outlives_the_quarter_of_an_hour(patch: pytest.MonkeyPatch) -> None:
    """What is cleared at night is cleared for ten minutes, whatever is left."""
    patch.setattr(decision._Case, "closes_at", property(lambda self: self.moment.closes_at))


def an_opt_out_is_answered(patch: pytest.MonkeyPatch) -> None:
    """The reply counts, whatever came after it."""
    patch.setattr(decision, "_unwelcome", lambda _case: None)


def an_answer_waits_past_its_reply(patch: pytest.MonkeyPatch) -> None:
    """A text is put off to when its reply is more than a day old."""
    timed = decision._timed

    def unending(case: Any) -> Any:
        return timed(case._replace(message=replace(case.message, expires_at=None)))

    patch.setattr(decision, "_timed", unending)


@pytest.mark.parametrize(
    "fault",
    [
        the_quarter_of_an_hour_is_a_moment_longer,
        answers_keep_no_hours,
        prompt_answers_keep_hours,
        a_clearance_outlives_the_quarter_of_an_hour,
        an_opt_out_is_answered,
        an_answer_waits_past_its_reply,
    ],
    ids=lambda fault: fault.__name__,
)
def test_a_fault_in_answers_is_seen(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert any(answer(question) != judge(question) for question in map(conversation, FAULT_CASES))
