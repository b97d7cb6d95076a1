"""In service no clearance is given that the sender would let lapse, so no text goes round and round at closing time."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.compliance.gate.inputs import SERVICE_CLEARANCE_SECONDS, Consent, Policy
from services.compliance.gate.verdicts import Block, Clear, Defer, Reason
from services.scheduler.release.pacing import pause_after_lapse
from services.sender.sending.intent_decision import LEAST_CLEARANCE
from shared.rules.table import ConsentStatus
from tests.unit.compliance.gate.questions import MINUTE, NOON, judge

SERVICE = Policy().in_service()
DAY_SECONDS = 24 * 3600


def test_the_least_clearance_is_more_than_the_sender_asks_for() -> None:
    assert timedelta(seconds=SERVICE_CLEARANCE_SECONDS) > LEAST_CLEARANCE


@given(
    second=st.integers(0, DAY_SECONDS),
    guard=st.integers(0, 3600),
    lives=st.none() | st.integers(0, 300),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
def test_a_clearance_in_service_lasts_as_long_as_the_sender_needs(second: int, guard: int, lives: int | None) -> None:
    now = NOON + timedelta(seconds=second)
    expires_at = None if lives is None else now + timedelta(seconds=lives)
    policy = Policy(close_guard_seconds=guard).in_service()
    verdict = judge(now=now, policy=policy, expires_at=expires_at)
    if isinstance(verdict, Clear):
        assert verdict.valid_until - now >= timedelta(seconds=SERVICE_CLEARANCE_SECONDS)
    elif isinstance(verdict, Defer):
        assert verdict.until > now
        again = judge(now=verdict.until, policy=policy, expires_at=expires_at, first_due_at=now)
        assert isinstance(again, Clear)


@pytest.mark.parametrize("left", [1, 44, 59])
def test_a_window_that_closes_before_a_text_can_be_on_its_way_is_closed(left: int) -> None:
    closes = judge(policy=SERVICE)
    assert isinstance(closes, Clear)
    assert closes.window_closes_at is not None
    verdict = judge(now=closes.window_closes_at - timedelta(seconds=left), policy=SERVICE)
    assert isinstance(verdict, Defer)
    assert verdict.reason is Reason.QUIET_HOURS
    assert verdict.until > closes.window_closes_at


def test_a_text_that_ends_before_it_can_be_on_its_way_is_over() -> None:
    verdict = judge(policy=SERVICE, expires_at=NOON + timedelta(seconds=40))
    assert isinstance(verdict, Block)
    assert verdict.reason is Reason.MESSAGE_EXPIRED
    assert isinstance(judge(policy=SERVICE, expires_at=NOON + 2 * MINUTE), Clear)


def test_a_consent_that_ends_before_a_text_can_be_on_its_way_is_over() -> None:
    ends = Consent(ConsentStatus.PEWC, expires_at=NOON + timedelta(seconds=40))
    verdict = judge(policy=SERVICE, consent=ends)
    assert isinstance(verdict, Block)
    assert verdict.reason is Reason.CONSENT_EXPIRED
    assert isinstance(judge(consent=ends), Clear)


@given(lasts=st.lists(st.floats(0, 20), min_size=12, max_size=12))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_that_lapses_is_released_more_than_three_times_in_a_minute(lasts: list[float]) -> None:
    at, releases = 0.0, []
    for release, seconds in enumerate(lasts, start=1):
        releases.append(at)
        at += seconds + pause_after_lapse(release).total_seconds()
    assert all(sum(first <= other < first + 60 for other in releases) <= 3 for first in releases)
