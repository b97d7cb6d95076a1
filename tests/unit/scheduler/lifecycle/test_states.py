"""Every state by every kind of transition (design section 5); order and repeats do not matter."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.lifecycle.states import (
    MATRIX,
    Alarm,
    CellMark,
    Lifecycle,
    Proof,
    Transition,
    TransitionEffect,
    TransitionKind,
    effect_of,
)
from shared.vocabulary.follow_up_states import ENDS, OPEN, RUNNING, FollowUpState

COLUMNS = [
    "fired",
    "cancelled",
    "expired",
    "silent",
    "deferred",
    "lapsed",
    "blocked",
    "too_late",
    "accepted",
    "delivered",
    "undelivered",
    "refused",
    "retried",
    "retried_unwanted",
    "unknown",
    "double_accepted",
    "double_delivered",
]
TABLE = """
pending     | released cancelled expired - - - - - / dispatched delivered failed - - - unknown dispatched! delivered!
released    | - cancelled expired - pending pending blocked expired
            / dispatched delivered failed failed pending back unknown dispatched! delivered!
dispatched  | - - - unconfirmed - - - - / - delivered failed - pending back - ! delivered!
delivered   | - - - - - - - - / - - - - - - - ! !
unconfirmed | - - - - - - - - / - delivered failed - failed failed - ! delivered!
failed      | - - - - - - - - / dispatched delivered - - - - - dispatched! delivered!
unknown     | - - - - - - - - / dispatched delivered failed failed failed failed - dispatched! delivered!
blocked     | - - - - - - - - / dispatched delivered failed - - - - dispatched! delivered!
cancelled   | - - - - - - - - / dispatched delivered failed - - - - dispatched! delivered!
expired     | - - - - - - - - / dispatched delivered failed - - - - dispatched! delivered!
"""
"""A slash: from here on what a provider does. A dash: ignored. An exclamation mark: a double was detected."""


def written(cell: object) -> str:
    """Return a cell as the table writes it."""
    if isinstance(cell, Alarm):
        return f"{written(cell.to)}!".removeprefix("-")
    return "-" if cell is CellMark.IGNORED else str(cell)


def expected() -> dict[tuple[str, str], str]:
    rows = [line.split("|") for line in TABLE.replace("\n            /", " ").replace(" /", " ").strip().splitlines()]
    return {
        (name.strip(), column): cell
        for name, cells in rows
        for column, cell in zip(COLUMNS, cells.split(), strict=True)
    }


@pytest.mark.parametrize(("state", "kind"), [*product(FollowUpState, TransitionKind)])
def test_every_cell_says_what_the_table_says(state: FollowUpState, kind: TransitionKind) -> None:
    assert written(MATRIX[state][kind]) == expected()[state, kind]


def test_the_matrix_has_every_cell() -> None:
    assert {(state, kind) for state in MATRIX for kind in MATRIX[state]} == {*product(FollowUpState, TransitionKind)}


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_end_gives_way_only_to_what_a_provider_proves(state: FollowUpState) -> None:
    moving = {h for h, cell in MATRIX[state].items() if written(cell) not in {"-", "!"}}
    proofs = {"accepted", "delivered", "undelivered", "double_accepted", "double_delivered"}
    assert moving <= proofs | (
        {"refused", "retried", "retried_unwanted"}
        if state in {FollowUpState.UNKNOWN, FollowUpState.UNCONFIRMED}
        else set()
    )


def then(lifecycle: Lifecycle, *transitions: Transition) -> Lifecycle:
    for transition in transitions:
        found = effect_of(lifecycle, transition)
        lifecycle = found.after if found else lifecycle
    return lifecycle


def about(kind: TransitionKind, release: int = 1, attempt: str = "a", **more: Any) -> Transition:
    return Transition(kind, kind, release, attempt, **more)


FIRE = Transition(TransitionKind.FIRED, "due")
CANCEL = Transition(TransitionKind.CANCELLED, "refund")
RELEASED = Lifecycle(state=FollowUpState.RELEASED, release=1)


@pytest.mark.parametrize("kind", ["deferred", "lapsed", "blocked", "too_late", "refused", "retried"])
def test_answers_about_an_older_release_are_ignored(kind: str) -> None:
    second = Lifecycle(state=FollowUpState.RELEASED, release=2)
    assert effect_of(second, about(TransitionKind(kind), release=1)) is None


@pytest.mark.parametrize("kind", ["accepted", "delivered", "undelivered", "unknown"])
def test_what_happened_to_an_older_release_at_the_provider_is_never_ignored(kind: str) -> None:
    second = Lifecycle(state=FollowUpState.RELEASED, release=2)
    found = effect_of(second, about(TransitionKind(kind), release=1))
    assert found is not None
    assert found.stops_release
    assert found.after.state not in OPEN


def test_firing_counts_releases() -> None:
    once = then(Lifecycle(), FIRE)
    twice = then(once, about(TransitionKind.DEFERRED), FIRE)
    assert (once.release, twice.release) == (1, 2)


def test_a_late_repeat_of_an_attempt_that_failed_does_not_stop_its_retry() -> None:
    accepted = about(TransitionKind.ACCEPTED)
    retried = then(RELEASED, accepted, about(TransitionKind.RETRIED, was_accepted=True), FIRE)
    assert retried.state is FollowUpState.RELEASED
    assert effect_of(retried, accepted) is None


def test_two_attempts_at_the_provider_are_a_double_reported_once_for_each() -> None:
    first = then(RELEASED, about(TransitionKind.ACCEPTED, attempt="a"))
    second = effect_of(first, about(TransitionKind.ACCEPTED, attempt="b"))
    assert second is not None
    assert second.alarm
    assert effect_of(second.after, about(TransitionKind.ACCEPTED, attempt="b")) is None
    delivered = effect_of(second.after, about(TransitionKind.DELIVERED, attempt="b"))
    assert delivered is not None
    assert (delivered.alarm, delivered.after.state) == (False, FollowUpState.DELIVERED)


def test_a_retry_after_a_failure_is_no_double() -> None:
    retried = then(RELEASED, about(TransitionKind.ACCEPTED), about(TransitionKind.RETRIED, was_accepted=True), FIRE)
    found = effect_of(retried, about(TransitionKind.ACCEPTED, release=2, attempt="b"))
    assert found is not None
    assert not found.alarm


def test_a_failed_second_attempt_does_not_hide_that_the_first_is_with_the_provider() -> None:
    both = then(RELEASED, about(TransitionKind.ACCEPTED), about(TransitionKind.UNDELIVERED, attempt="b"))
    assert both.state is FollowUpState.DISPATCHED


@pytest.mark.parametrize("end", [TransitionKind.CANCELLED, TransitionKind.EXPIRED, TransitionKind.BLOCKED])
def test_a_text_taken_after_its_end_is_too_late_and_falls_back_to_that_end(end: TransitionKind) -> None:
    ended = then(RELEASED, Transition(end, "why", release=1))
    taken = then(ended, about(TransitionKind.ACCEPTED))
    assert (taken.state, taken.is_too_late) == (FollowUpState.DISPATCHED, True)
    back = then(taken, about(TransitionKind.RETRIED, was_accepted=True))
    assert (back.state, back.reason) == (ended.state, "why")


# What may become of one release, as the gate and the sender can say it: one answer of the gate, or an attempt that ends
# once (unknown, or failed with a retry, but not both). A provider's word may follow any answer of the gate: a bug, or a
# restored database; it is proof all the same.
GATE = [TransitionKind.DEFERRED, TransitionKind.LAPSED, TransitionKind.BLOCKED, TransitionKind.TOO_LATE]
WORDS = [
    TransitionKind.ACCEPTED,
    TransitionKind.DELIVERED,
    TransitionKind.UNDELIVERED,
    TransitionKind.REFUSED,
    TransitionKind.UNKNOWN,
]
RETRY = Transition(TransitionKind.RETRIED, "undelivered", 1, "a", was_accepted=True)
REFUSED_RETRY = Transition(TransitionKind.RETRIED, "refused", 1, "a")


@st.composite
def histories(draw: st.DrawFn) -> list[Transition]:
    kinds = draw(st.sets(st.sampled_from(WORDS)))
    attempt = [about(kind) for kind in sorted(kinds)]
    taken = {transition.kind for transition in attempt} & {
        TransitionKind.ACCEPTED,
        TransitionKind.DELIVERED,
        TransitionKind.UNDELIVERED,
    }
    choice = draw(st.sampled_from(["gate", "attempt", "retry"]))
    if choice == "gate":
        return [about(draw(st.sampled_from(GATE)), attempt=""), *(n for n in attempt if n.kind in taken)]
    if choice == "retry":
        accepted = [n for n in attempt if n.kind is TransitionKind.ACCEPTED]
        was_accepted = bool(accepted) or draw(st.sampled_from((True, False)))
        return [*accepted, RETRY if was_accepted else REFUSED_RETRY]
    return attempt


@settings(max_examples=600)
@given(histories(), st.data())
def test_any_order_and_any_repeats_of_what_is_said_of_a_release_give_the_same_end(
    transitions: list[Transition], data: st.DataObject
) -> None:
    straight = then(RELEASED, *transitions)
    repeated = (
        data.draw(st.permutations(transitions + data.draw(st.lists(st.sampled_from(transitions), max_size=4))))
        if transitions
        else []
    )
    crooked = then(RELEASED, *repeated)
    assert (crooked.state, crooked.proofs) == (straight.state, straight.proofs)


@settings(max_examples=600)
@given(histories(), st.data())
def test_a_cancel_anywhere_among_them_never_changes_what_the_provider_proved(
    transitions: list[Transition], data: st.DataObject
) -> None:
    """Among ends without proof the first one stands; everything else is the same in every order."""
    withhold = {
        FollowUpState.CANCELLED,
        FollowUpState.BLOCKED,
        FollowUpState.EXPIRED,
        FollowUpState.FAILED,
        FollowUpState.UNKNOWN,
    }
    first, second = (then(RELEASED, *data.draw(st.permutations([*transitions, CANCEL, CANCEL]))) for _ in range(2))
    assert first.state not in OPEN
    assert first.proofs == second.proofs
    if first.state != second.state:
        assert {first.state, second.state} <= withhold
        assert Proof.ACCEPTED not in first.proofs.values()


@settings(max_examples=400)
@given(
    st.lists(
        st.builds(
            Transition,
            st.sampled_from(TransitionKind),
            st.just("why"),
            st.sampled_from([None, 1, 2, 3]),
            st.sampled_from(["a", "b", None]),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_every_follow_up_is_in_one_state_and_every_end_has_a_reason(transitions: list[Transition]) -> None:
    lifecycle = Lifecycle()
    for transition in transitions:
        found = effect_of(lifecycle, transition)
        if found is None:
            continue
        assert isinstance(found, TransitionEffect)
        assert found.moved == (found.after.state is not lifecycle.state)
        assert found.after.release >= lifecycle.release
        lifecycle = found.after
        assert lifecycle.state in RUNNING or lifecycle.reason
        if transition.kind in {"accepted", "delivered", "undelivered", "refused", "retried", "unknown"}:
            assert effect_of(lifecycle, transition) is None
