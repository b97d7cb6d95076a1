"""Whether a person may be written to."""

from hypothesis import given
from hypothesis import strategies as st

from services.sender.replies.send_permission import (
    SendPermission,
    after_consent_change,
    after_review,
    after_start,
    after_stop,
)
from shared.events.consent import ConsentAct, ConsentChanged, ScopeSnapshot, SuppressionCause
from shared.testing import make

FREE = SendPermission(
    None, marketing_suppressed=False, informational_suppressed=False, keyword_seq=0, consent_epoch=0, needs_review=False
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


def test_a_decision_ends_the_hold_and_an_opt_out_takes_the_next_keyword_number() -> None:
    held = FREE._replace(needs_review=True, keyword_seq=3)
    assert after_review(held, was_opt_out=False, marketing_only=False) == FREE._replace(keyword_seq=3)
    stopped = after_review(held, was_opt_out=True, marketing_only=False)
    assert (stopped.suppressed, stopped.keyword_seq, stopped.needs_review) == ("opt_out", 4, False)
    some = after_review(held, was_opt_out=True, marketing_only=True)
    assert (some.suppressed, some.marketing_suppressed, some.keyword_seq) == (None, True, 4)
