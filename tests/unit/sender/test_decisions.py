"""The smaller decisions: the checks at intent, reconciliation, pacing, the breaker, standings."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.numbers.breaker import FAILURES_TO_OPEN, HALT, Breaker, BreakerState
from services.sender.numbers.bucket import Bucket
from services.sender.queue.states import AttemptState, DispatchState
from services.sender.reconciliation.decision import (
    AbsentOnce,
    Adopt,
    GiveUp,
    ListedMessage,
    LookLater,
    ProvenAbsent,
    UnresolvedAttempt,
    keyed_body_hash,
)
from services.sender.reconciliation.decision import decide as find
from services.sender.replies.send_permission import SendPermission, after_consent_change, after_start, after_stop
from services.sender.sending.intent_decision import (
    LEAST_CLEARANCE,
    DispatchCandidate,
    Go,
    Lapse,
    OpenAttempt,
    Refuse,
    SendCircumstances,
    Skip,
    StayQueued,
    decide,
)
from shared import ids
from shared.events.consent import ConsentAct, ConsentChanged, ScopeSnapshot, SuppressionCause
from shared.events.follow_up import Purpose
from shared.testing import make
from shared.testing.clock import START

CANDIDATE = DispatchCandidate(
    DispatchState.QUEUED, Purpose.MARKETING, START + timedelta(minutes=10), START + timedelta(hours=1), None
)
PLAIN = SendCircumstances(body_sha256=b"mine")
OTHER = ids.derived("attempt", at=START)


@pytest.mark.parametrize("state", [state for state in DispatchState if state is not DispatchState.QUEUED])
def test_only_what_is_queued_goes(state: DispatchState) -> None:
    assert decide(CANDIDATE._replace(state=state), SendPermission(), PLAIN, START) == Skip()


@given(st.timedeltas(timedelta(minutes=-20), timedelta(minutes=20)), st.sampled_from(Purpose))
def test_nothing_goes_with_less_than_the_least_clearance(ahead: timedelta, purpose: Purpose) -> None:
    candidate = CANDIDATE._replace(valid_until=START + ahead, purpose=purpose)
    assert isinstance(decide(candidate, SendPermission(), PLAIN, START), Go if ahead >= LEAST_CLEARANCE else Lapse)


@given(st.sampled_from(Purpose), st.sampled_from(SuppressionCause))
def test_a_suppressed_person_gets_answers_only(purpose: Purpose, cause: SuppressionCause) -> None:
    decision = decide(CANDIDATE._replace(purpose=purpose), SendPermission(suppressed=cause), PLAIN, START)
    assert isinstance(decision, Go) == (purpose in {Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION})


def test_a_provider_without_a_validity_period_stays_a_quarter_hour_from_quiet_hours() -> None:
    closes = START + timedelta(minutes=14)
    circumstances = PLAIN._replace(provider_has_validity=False)
    decision = decide(CANDIDATE._replace(window_closes_at=closes), SendPermission(), circumstances, START)
    assert decision == Refuse("window_closing", retry_at=closes)


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (OpenAttempt(OTHER, AttemptState.INTENT, b"another"), True),
        (OpenAttempt(OTHER, AttemptState.UNKNOWN, b"mine"), True),
        (OpenAttempt(OTHER, AttemptState.UNKNOWN, b"another"), False),
    ],
)
def test_a_person_has_one_call_at_a_time_and_never_two_unknowns_alike(other: OpenAttempt, *, waits: bool) -> None:
    decision = decide(CANDIDATE, SendPermission(), PLAIN._replace(open_attempts=[other]), START)
    assert isinstance(decision, StayQueued if waits else Go)


UNRESOLVED = UnresolvedAttempt("+12025550100", b"mine", START, START + timedelta(seconds=12), None)
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
        replace(UNRESOLVED, body_sha256=keyed_body_hash(b"Ana's", b"mine")), [marked], set(), now, HORIZON
    ) == Adopt(marked)
    assert find(UNRESOLVED, [marked], set(), now, HORIZON) == Adopt(marked)
    theirs = replace(UNRESOLVED, body_sha256=keyed_body_hash(b"Bea's", b"mine"))
    assert not isinstance(find(theirs, [marked], set(), now, HORIZON), Adopt)


def test_a_text_that_an_old_attempt_may_have_sent_waits_for_its_end() -> None:
    other = OpenAttempt(OTHER, AttemptState.UNKNOWN, b"words")
    known = SendCircumstances(keyed_body_hash(b"Ana's", b"words"), b"words", open_attempts=[other])
    assert isinstance(decide(CANDIDATE, SendPermission(), known, START), StayQueued)


def test_a_text_that_belongs_to_another_attempt_is_not_adopted() -> None:
    assert not isinstance(find(UNRESOLVED, [LISTED], {"SM1"}, START + timedelta(seconds=20), HORIZON), Adopt)


@given(st.lists(st.integers(0, 1200), min_size=1, max_size=12), st.booleans())
def test_absence_takes_two_late_answers_five_minutes_apart(waits: list[int], silent: bool) -> None:  # noqa: FBT001 - Hypothesis passes it
    now, unresolved, counted = START + timedelta(seconds=42), UNRESOLVED, []
    for index, seconds in enumerate(waits):
        now += timedelta(seconds=seconds)
        finding = find(unresolved, None if silent and index % 2 else [], set(), now, HORIZON)
        if isinstance(finding, AbsentOnce):
            counted.append(now)
            unresolved = replace(unresolved, absent_at=now)
        if isinstance(finding, ProvenAbsent):
            counted.append(now)
            assert counted[0] >= unresolved.deadline + timedelta(seconds=120)
            assert counted[1] - counted[0] >= timedelta(minutes=5)
            return
        assert not isinstance(finding, Adopt)


def test_a_provider_that_never_answers_is_given_up_after_the_horizon() -> None:
    assert isinstance(find(UNRESOLVED, None, set(), START + timedelta(hours=1), HORIZON), LookLater)
    assert isinstance(find(UNRESOLVED, None, set(), START + timedelta(hours=25), HORIZON), GiveUp)


@given(st.floats(0.1, 500), st.lists(st.tuples(st.floats(0, 2), st.integers(1, 3)), max_size=60))
def test_a_bucket_never_lets_more_through_than_rate_burst_and_one_long_text(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    bucket, now, taken = Bucket(rate, 0.0), 0.0, 0
    for wait, parts in steps:
        now += wait
        if bucket.available(now):
            bucket.take(parts)
            taken += parts
        assert taken <= max(1.0, rate) + rate * now + 3 + 1e-6


def test_a_paused_bucket_lets_nothing_through_until_then() -> None:
    bucket = Bucket(10, 0.0)
    bucket.pause(7.0)
    assert bucket.available(6.9) == 0
    assert bucket.available(7.0) == 10


def test_a_breaker_opens_after_failures_in_a_row_tries_once_and_heals() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.allowance(START) is None
        breaker = breaker.after_failure("timeout", START)
    assert breaker.allowance(START) == 0
    assert breaker.allowance(START + timedelta(seconds=5)) == 1
    trying = breaker.after_trial_began(START + timedelta(seconds=5))
    assert trying.allowance(START + timedelta(seconds=19)) == 0
    worse = breaker.after_failure("timeout", START)
    assert worse.opens_at is not None
    assert breaker.opens_at is not None
    assert worse.opens_at > breaker.opens_at
    assert breaker.after_answer() == Breaker()


def test_a_halt_outlasts_failures_and_ends_with_one_trial() -> None:
    halted = Breaker().after_halt("30034", START)
    for _ in range(10):
        halted = halted.after_failure("timeout", START)
    assert halted.state is BreakerState.HALTED
    assert halted.allowance(START + HALT - timedelta(seconds=1)) == 0
    assert halted.allowance(START + HALT) == 1


FREE = SendPermission(
    None, marketing_suppressed=False, informational_suppressed=False, keyword_seq=0, epoch=0, needs_review=False
)
OPEN = ScopeSnapshot(status="pewc")


def change(epoch: int, keyword_seq: int, suppressed: SuppressionCause | None = None) -> ConsentChanged:
    return make.event(
        ConsentChanged,
        epoch=epoch,
        keyword_seq=keyword_seq,
        suppressed=suppressed,
        marketing=OPEN,
        informational=OPEN,
        act=ConsentAct.RESTORED,
    )


@given(
    st.lists(
        st.one_of(st.sampled_from(["stop", "start"]), st.tuples(st.integers(1, 9), st.integers(0, 9))), max_size=12
    )
)
def test_nothing_but_an_echo_of_the_newest_keyword_lifts_a_stop(steps: list[object]) -> None:
    standing = after_stop(FREE, marketing_only=False, cause=SuppressionCause.OPT_OUT)
    for step in steps:
        before = standing
        match step:
            case "stop":
                standing = after_stop(standing, marketing_only=False, cause=SuppressionCause.OPT_OUT)
            case "start":
                standing = after_start(standing)
            case (int(epoch), int(seq)):
                standing = after_consent_change(standing, change(epoch, seq))
                if before.suppressed and not standing.suppressed:
                    assert seq >= before.keyword_seq
        if step in {"stop", "start"}:
            assert standing.keyword_seq == before.keyword_seq + 1
            assert standing.suppressed == (before.suppressed if step == "start" else SuppressionCause.OPT_OUT)


def test_an_opt_out_does_not_hide_a_graver_cause() -> None:
    wrong = after_stop(FREE, marketing_only=False, cause=SuppressionCause.WRONG_PERSON)
    assert after_stop(wrong, marketing_only=False, cause=SuppressionCause.OPT_OUT).suppressed == "wrong_person"
    assert after_stop(FREE, marketing_only=True, cause=SuppressionCause.WRONG_PERSON).suppressed == "wrong_person"


def unknown(second: float, body: bytes = b"mine") -> UnresolvedAttempt:
    at = START + timedelta(seconds=second)
    return UnresolvedAttempt("+12025550100", body, at, at + timedelta(seconds=12), None)


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
    waited = replace(UNRESOLVED, absent_at=START + timedelta(minutes=3))
    assert isinstance(find(waited, [], set(), now, HORIZON), ProvenAbsent)
    assert isinstance(find(waited, [], set(), now, HORIZON, sender_is_fixed=False), LookLater)
    assert isinstance(find(waited, [], set(), START + timedelta(hours=25), HORIZON, sender_is_fixed=False), GiveUp)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, bool, bool]]:
    """Attempts of the same words to one person: second of the intent, whether it went, whether its answer was lost."""
    seconds = sorted(draw(st.lists(st.integers(0, 1500), min_size=1, max_size=6, unique=True)))
    return [(second, draw(st.booleans()), draw(st.booleans())) for second in seconds]


@given(histories(), st.permutations(range(6)))
def test_nobody_ever_adopts_what_another_attempt_sent(
    history: list[tuple[float, bool, bool]], order: list[int]
) -> None:
    sids = {place: f"SM{place}" for place, (_, went, _) in enumerate(history) if went}
    listing = [listed(sids[place], history[place][0] + 1) for place in sids]
    held = {sids[place] for place in sids if not history[place][2]}
    open_ones = {place: unknown(history[place][0]) for place, (_, went, lost) in enumerate(history) if lost or not went}
    for minutes in (30, 40):
        for place in (each for each in order if each in open_ones):
            rivals = [other for key, other in open_ones.items() if key != place]
            finding = find(open_ones[place], listing, held, START + timedelta(minutes=minutes), HORIZON, rivals=rivals)
            if isinstance(finding, Adopt):
                assert finding.listed.provider_message_id not in held
                held.add(finding.listed.provider_message_id)
                assert len(held) <= len(sids)
            elif isinstance(finding, AbsentOnce):
                open_ones[place] = replace(open_ones[place], absent_at=START + timedelta(minutes=minutes))
                continue
            elif isinstance(finding, ProvenAbsent):
                others_unheld = [
                    sid
                    for other, sid in sids.items()
                    if sid not in held and abs(history[other][0] - history[place][0]) < 288
                ]
                assert not others_unheld, "absent, while a text that may be this one's is nobody's"
            else:
                continue
            del open_ones[place]
