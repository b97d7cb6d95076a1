"""Pacing: how many, whose turn, and who waits a little."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.release.pacing import Queued, capacity, choose, spread
from shared.events.follow_up import Purpose
from shared.ids import FollowUpId
from shared.testing.clock import START
from shared.vocabulary.purposes import PRIORITIES, Priority


def waiting(n: int, merchant: str = "acme", number: str = "+1", priority: Priority = Priority.MARKETING) -> Queued:
    return Queued(FollowUpId(UUID(int=n)), merchant, number, priority, START + timedelta(seconds=n))


WAITING = st.lists(
    st.builds(
        waiting,
        st.integers(0, 1000),
        st.sampled_from(["acme", "globex", "initech"]),
        st.sampled_from(["+1", "+2", "+3"]),
        st.sampled_from(Priority),
    ),
    max_size=40,
    unique_by=lambda w: w.follow_up_id,
)
ROOMS = st.dictionaries(st.sampled_from(["+1", "+2", "+3"]), st.integers(0, 8))


def test_what_is_under_way_never_exceeds_ten_seconds_of_the_number() -> None:
    assert [capacity(1, unanswered) for unanswered in (0, 9, 10, 50)] == [10, 1, 0, 0]
    assert capacity(0.01, 0) == 1
    assert capacity(0.01, 1) == 0


@given(WAITING, ROOMS, st.integers(0, 50))
def test_no_number_releases_more_than_its_room_and_none_goes_twice(
    line: list[Queued], rooms: dict[str, int], limit: int
) -> None:
    going = choose(line, rooms, limit)
    assert len({each.follow_up_id for each in going}) == len(going) <= limit
    for number in ("+1", "+2", "+3"):
        paced = [each for each in going if each.sender_number == number and each.priority is not Priority.ANSWER]
        assert len(paced) <= rooms.get(number, 0)


@given(WAITING, ROOMS)
def test_on_each_number_those_who_go_are_the_first_of_its_line(line: list[Queued], rooms: dict[str, int]) -> None:
    one_merchant = [waiting(w.follow_up_id.int, w.sender_number, w.sender_number, w.priority) for w in line]
    going = {each.follow_up_id for each in choose(one_merchant, rooms, 25)}
    for number in ("+1", "+2", "+3"):
        own = sorted(
            (w for w in one_merchant if w.sender_number == number),
            key=lambda w: (w.priority, w.due_at, w.follow_up_id),
        )
        went = [each.follow_up_id in going for each in own]
        assert went == sorted(went, reverse=True)


def test_transactional_goes_before_marketing_that_was_due_earlier() -> None:
    going = choose([waiting(1), waiting(9, priority=Priority.TRANSACTIONAL)], {"+1": 1}, 10)
    assert [each.priority for each in going] == [Priority.TRANSACTIONAL]


def test_merchants_take_turns() -> None:
    line = [*(waiting(n, "acme", "+1") for n in range(50)), waiting(99, "globex", "+2")]
    assert waiting(99, "globex", "+2") in choose(line, {"+1": 50, "+2": 5}, 3)


def test_an_answer_needs_no_room() -> None:
    assert choose([waiting(1, priority=Priority.ANSWER)], {}, 5) == [waiting(1, priority=Priority.ANSWER)]


def test_every_purpose_has_a_priority() -> None:
    assert set(PRIORITIES) == set(Purpose)


@given(st.uuids(), st.integers(0, 7200))
def test_a_spread_text_keeps_its_moment_inside_the_window(key: UUID, seconds: int) -> None:
    window = timedelta(seconds=seconds)
    moment = spread(START, FollowUpId(key), window)
    assert moment == spread(START, FollowUpId(key), window)
    assert START <= moment <= START + window
    assert moment < START + window or seconds == 0


def test_a_herd_is_spread_evenly() -> None:
    moments = [spread(START, FollowUpId(UUID(int=n)), timedelta(seconds=100)) for n in range(2000)]
    for tenth in range(10):
        share = sum(tenth * 10 <= (m - START).total_seconds() < tenth * 10 + 10 for m in moments)
        assert 140 < share < 260
