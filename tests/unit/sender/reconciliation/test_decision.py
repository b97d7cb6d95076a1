"""What a provider's listing proves about a call without an answer."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.queue.dispatches import Attempt
from services.sender.reconciliation.decision import (
    AbsentOnce,
    Adopt,
    GiveUp,
    ListedMessage,
    LookLater,
    ProvenAbsent,
    keyed_body_hash,
)
from services.sender.reconciliation.decision import decide as find
from shared.testing.clock import START
from tests.unit.sender.queue.test_conclusion import ATTEMPT

UNRESOLVED = ATTEMPT._replace(body_sha256=b"mine")
LISTED = ListedMessage("SM1", "+12025550100", b"mine", START + timedelta(seconds=1))
HORIZON = timedelta(hours=24)


@pytest.mark.parametrize(
    "other",
    [
        replace(LISTED, sender_number="+12025550101"),
        replace(LISTED, body_sha256=b"another"),
        replace(LISTED, created_at=START - timedelta(minutes=6)),
        replace(LISTED, created_at=START + timedelta(minutes=6)),
    ],
)
def test_only_the_same_text_from_the_same_number_at_the_time_is_ours(other: ListedMessage) -> None:
    now = START + timedelta(seconds=20)
    assert find(UNRESOLVED, [other, LISTED], set(), now, HORIZON) == Adopt(LISTED)
    assert not isinstance(find(UNRESOLVED, [other], set(), now, HORIZON), Adopt)


def test_a_listed_text_is_known_by_the_mark_under_the_persons_key_and_an_old_attempt_by_its_hash() -> None:
    now, marked = START + timedelta(seconds=20), LISTED.keyed_with(b"Ana's")
    assert find(
        UNRESOLVED._replace(body_sha256=keyed_body_hash(b"Ana's", b"mine")), [marked], set(), now, HORIZON
    ) == Adopt(marked)
    assert find(UNRESOLVED, [marked], set(), now, HORIZON) == Adopt(marked)
    theirs = UNRESOLVED._replace(body_sha256=keyed_body_hash(b"Bea's", b"mine"))
    assert not isinstance(find(theirs, [marked], set(), now, HORIZON), Adopt)


def test_a_text_that_belongs_to_another_attempt_is_not_adopted() -> None:
    assert not isinstance(find(UNRESOLVED, [LISTED], {"SM1"}, START + timedelta(seconds=20), HORIZON), Adopt)


@given(st.lists(st.integers(0, 1200), min_size=1, max_size=12), st.booleans())
def test_absence_takes_two_late_answers_five_minutes_apart(waits: list[int], silent: bool) -> None:  # noqa: FBT001 - Hypothesis passes it
    now, counted = START + timedelta(seconds=42), []
    absent_at: datetime | None = None
    for index, seconds in enumerate(waits):
        now += timedelta(seconds=seconds)
        finding = find(UNRESOLVED, None if silent and index % 2 else [], set(), now, HORIZON, absent_at=absent_at)
        if isinstance(finding, AbsentOnce):
            counted.append(now)
            absent_at = now
        if isinstance(finding, ProvenAbsent):
            counted.append(now)
            assert counted[0] >= UNRESOLVED.deadline + timedelta(seconds=120)
            assert counted[1] - counted[0] >= timedelta(minutes=5)
            return
        assert not isinstance(finding, Adopt)


def test_a_provider_that_never_answers_is_given_up_after_the_horizon() -> None:
    assert isinstance(find(UNRESOLVED, None, set(), START + timedelta(hours=1), HORIZON), LookLater)
    assert isinstance(find(UNRESOLVED, None, set(), START + timedelta(hours=25), HORIZON), GiveUp)


def unknown(second: float, body: bytes = b"mine") -> Attempt:
    at = START + timedelta(seconds=second)
    return ATTEMPT._replace(body_sha256=body, intent_at=at, deadline=at + timedelta(seconds=12))


def listed(sid: str, second: float, body: bytes = b"mine") -> ListedMessage:
    return ListedMessage(sid, "+12025550100", body, START + timedelta(seconds=second))


def test_one_listed_text_that_two_attempts_may_own_is_adopted_by_neither() -> None:
    first, second = unknown(0), unknown(60)
    now = START + timedelta(minutes=30)
    for mine, other in ((first, second), (second, first)):
        assert isinstance(find(mine, [listed("SM1", 1)], set(), now, HORIZON, rivals=[other]), LookLater)
        late = START + timedelta(hours=25)
        assert isinstance(find(mine, [listed("SM1", 1)], set(), late, HORIZON, rivals=[other]), GiveUp)


def test_as_many_listed_texts_as_attempts_are_matched_in_their_order() -> None:
    first, second = unknown(0), unknown(60)
    both = [listed("SM2", 61), listed("SM1", 1)]
    now = START + timedelta(minutes=30)
    assert find(first, both, set(), now, HORIZON, rivals=[second]) == Adopt(both[1])
    assert find(second, both, set(), now, HORIZON, rivals=[first]) == Adopt(both[0])


def test_a_rival_with_other_words_is_none() -> None:
    now = START + timedelta(minutes=30)
    found = find(unknown(0), [listed("SM1", 1)], set(), now, HORIZON, rivals=[unknown(5, b"other")])
    assert found == Adopt(listed("SM1", 1))


def test_where_the_provider_picks_the_sender_its_number_is_no_sign_and_absence_no_proof() -> None:
    another = replace(LISTED, sender_number="+12025550199")
    now = START + timedelta(minutes=30)
    assert find(UNRESOLVED, [another], set(), now, HORIZON, sender_is_fixed=False) == Adopt(another)
    absent_at = START + timedelta(minutes=3)
    assert isinstance(find(UNRESOLVED, [], set(), now, HORIZON, absent_at=absent_at), ProvenAbsent)
    picked = partial(find, UNRESOLVED, [], set(), absent_at=absent_at, sender_is_fixed=False)
    assert isinstance(picked(now=now, horizon=HORIZON), LookLater)
    assert isinstance(picked(now=START + timedelta(hours=25), horizon=HORIZON), GiveUp)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, bool, bool]]:
    """Attempts of the same words to one person: second of the intent, whether it went, whether its answer was lost."""
    seconds = sorted(draw(st.lists(st.integers(0, 1500), min_size=1, max_size=6, unique=True)))
    return [(second, draw(st.booleans()), draw(st.booleans())) for second in seconds]


@given(histories(), st.permutations(range(6)))
def test_no_attempt_ever_adopts_what_another_sent(history: list[tuple[float, bool, bool]], order: list[int]) -> None:
    sids = {place: f"SM{place}" for place, (_, went, _) in enumerate(history) if went}
    listing = [listed(sids[place], history[place][0] + 1) for place in sids]
    held = {sids[place] for place in sids if not history[place][2]}
    absent_at: dict[int, datetime] = {}
    open_ones = {place: unknown(history[place][0]) for place, (_, went, lost) in enumerate(history) if lost or not went}
    for minutes in (30, 40):
        for place in (each for each in order if each in open_ones):
            rivals = [other for key, other in open_ones.items() if key != place]
            now = START + timedelta(minutes=minutes)
            mine, since = open_ones[place], absent_at.get(place)
            finding = find(mine, listing, held, now, HORIZON, absent_at=since, rivals=rivals)
            if isinstance(finding, Adopt):
                assert finding.listed.provider_message_id not in held
                held.add(finding.listed.provider_message_id)
                assert len(held) <= len(sids)
            elif isinstance(finding, AbsentOnce):
                absent_at[place] = now
                continue
            elif isinstance(finding, ProvenAbsent):
                others_unheld = [
                    sid
                    for other, sid in sids.items()
                    if sid not in held and abs(history[other][0] - history[place][0]) < 288
                ]
                assert not others_unheld, "absent, while a text that may be this attempt's belongs to no other"
            else:
                continue
            del open_ones[place]
