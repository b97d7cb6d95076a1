"""The page of states says everything about each of them, and draws what the matrix allows."""

from services.scheduler.lifecycle.states import TransitionKind
from shared.vocabulary.follow_up_states import ENDS, FollowUpState
from tools.follow_up_states import arrows, member_docs


def test_each_state_says_who_moves_a_follow_up_in_and_out() -> None:
    docs = member_docs(FollowUpState)
    assert set(docs) == set(FollowUpState)
    assert all(" In: " in text and " Out: " in text for text in docs.values())


def test_each_kind_of_transition_says_where_it_comes_from() -> None:
    assert set(member_docs(TransitionKind)) == set(TransitionKind)


def test_the_arrows_are_those_of_the_matrix() -> None:
    assert arrows()["pending", "released"] == ["fired"]
    assert arrows()["released", "cancelled"] == ["cancelled", "retried_unwanted"]
    assert {end for start, end in arrows() if start == "delivered"} == set()
    assert {end for start, end in arrows() if start in ENDS} <= {"dispatched", "delivered", "failed"}
