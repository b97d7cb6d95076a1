"""Whether something takes a second person, and what an answer is worth."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.approvals.deciding import (
    LIFE,
    AnswerStanding,
    Approval,
    ApprovalAction,
    SecondAnswer,
    has_grown,
    standing_of,
    takes_second_person,
)
from shared.audit import Actor, ActorKind, AddressClass
from shared.ids import MerchantId
from shared.testing import make
from shared.testing.clock import START

BEN = Actor(ActorKind.USER, "ben", AddressClass.NONE)
ASKED = Approval(
    id=make.REQUEST,
    merchant_id=MerchantId("acme"),
    action=ApprovalAction.RESUME,
    subject={"controls": []},
    texts=812,
    asked_by="user:anna",
    asked_at=START,
    reason=b"",
    expires_at=START + LIFE,
)


@pytest.mark.parametrize(
    ("texts", "lately", "limit", "two"),
    [
        (501, 0, 500, True),
        (500, 0, 500, False),
        (1, 500, 500, True),
        (0, 900, 500, False),
        (1_000_000, 0, None, False),
    ],
)
def test_more_than_the_limit_within_an_hour_takes_two(texts: int, lately: int, limit: int | None, two: bool) -> None:  # noqa: FBT001 - a row of the table
    assert takes_second_person(texts, lately, limit) is two


@pytest.mark.parametrize("kind", [kind for kind in ActorKind if kind is not ActorKind.USER])
@pytest.mark.parametrize("answer", SecondAnswer)
def test_nobody_but_a_user_of_the_console_answers(kind: ActorKind, answer: SecondAnswer) -> None:
    actor = Actor(kind, "ben", AddressClass.NONE)
    assert standing_of(ASKED, answer, actor, "ben", START) is AnswerStanding.NO_USER


def test_who_asked_may_say_no_and_not_yes() -> None:
    assert standing_of(ASKED, SecondAnswer.YES, BEN, "user:anna", START) is AnswerStanding.OWN
    assert standing_of(ASKED, SecondAnswer.NO, BEN, "user:anna", START) is AnswerStanding.COUNTS
    assert standing_of(ASKED, SecondAnswer.YES, BEN, "user:ben", START) is AnswerStanding.COUNTS


def test_an_answer_counts_until_the_question_expires_and_not_at_that_instant() -> None:
    last = ASKED.expires_at - timedelta(microseconds=1)
    assert standing_of(ASKED, SecondAnswer.YES, BEN, "user:ben", last) is AnswerStanding.COUNTS
    assert standing_of(ASKED, SecondAnswer.YES, BEN, "user:ben", ASKED.expires_at) is AnswerStanding.EXPIRED


def test_the_same_answer_again_is_a_repetition_even_when_it_is_late() -> None:
    done = ASKED._replace(answer=SecondAnswer.YES, answered_by="user:ben")
    late = ASKED.expires_at + LIFE
    assert standing_of(done, SecondAnswer.YES, BEN, "user:ben", late) is AnswerStanding.REPEATED
    assert standing_of(done, SecondAnswer.NO, BEN, "user:ben", late) is AnswerStanding.ANSWERED
    assert standing_of(done, SecondAnswer.YES, BEN, "user:cleo", late) is AnswerStanding.ANSWERED


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_yes_never_lets_go_more_than_a_tenth_more_than_was_shown(texts: int, shown: int) -> None:
    assert has_grown(texts, shown) is (10 * texts > 11 * shown)
