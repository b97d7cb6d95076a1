"""When a provider is asked what became of a text, and what is asked together."""

from datetime import datetime, timedelta

import pytest

from services.sender.queue.conclusion import Receipt, conclude
from services.sender.receipts.poll_schedule import (
    LISTING_THRESHOLD,
    QUERY_DELAYS,
    AccountBackoff,
    QueryFailed,
    TimeRange,
    UnreportedAttempt,
    next_status_query,
    shared_listing,
)
from services.sender.receipts.status_lattice import ProviderStatus
from services.sender.reconciliation.decision import Adopt, ListedMessage
from services.sender.sending.answer_classification import Accepted
from shared import ids
from shared.events.dispatch import DispatchDelivered, DispatchFailed
from shared.ids import AttemptId
from shared.testing.clock import START
from tests.unit.sender.queue.test_conclusion import ATTEMPT, DISPATCH

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("since_accepted", "wait"),
    [
        (timedelta(0), 10 * MINUTE),
        (10 * MINUTE, HOUR),
        (HOUR, 24 * HOUR),
        (5 * HOUR, 24 * HOUR),  # one question after an outage, and not three
        (24 * HOUR, None),
        (90 * HOUR, None),
    ],
)
def test_a_provider_is_asked_after_ten_minutes_an_hour_and_a_day(
    since_accepted: timedelta, wait: timedelta | None
) -> None:
    assert next_status_query(START, START + since_accepted) == (None if wait is None else START + wait)


def test_an_accepted_text_is_asked_about_until_its_end_is_known() -> None:
    taken = conclude(ATTEMPT, DISPATCH, Accepted("SM1"), START, another_is_live=False)
    assert taken.attempt.ask_at == START + QUERY_DELAYS[0]
    sent = conclude(taken.attempt, taken.dispatch, Receipt("SM1", ProviderStatus.SENT), START, another_is_live=False)
    assert sent.attempt.ask_at == START + QUERY_DELAYS[0]
    for status in (ProviderStatus.DELIVERED, ProviderStatus.UNDELIVERED, ProviderStatus.FAILED):
        ended = conclude(sent.attempt, sent.dispatch, Receipt("SM1", status), START, another_is_live=False)
        assert ended.attempt.ask_at is None


def test_a_text_that_is_found_delivered_is_not_asked_about_again() -> None:
    listed = ListedMessage("SM1", ATTEMPT.sender_number, ATTEMPT.body_sha256, START, ProviderStatus.DELIVERED)
    assert conclude(ATTEMPT, DISPATCH, Adopt(listed), START, another_is_live=False).attempt.ask_at is None


def test_what_was_asked_is_the_event_a_receipt_would_have_been_and_says_when_it_was_asked() -> None:
    taken = conclude(ATTEMPT, DISPATCH, Accepted("SM1"), START, another_is_live=False)
    for status in (ProviderStatus.DELIVERED, ProviderStatus.UNDELIVERED):
        heard = conclude(taken.attempt, taken.dispatch, Receipt("SM1", status), START, another_is_live=False)
        word = Receipt("SM1", status, asked_at=START)
        asked = conclude(taken.attempt, taken.dispatch, word, START, another_is_live=False)
        (event,), (other,) = asked.events, heard.events
        assert isinstance(event, DispatchDelivered | DispatchFailed)
        assert event.asked_at == START
        assert event.model_copy(update={"asked_at": None}) == other
        assert (asked.attempt, asked.dispatch) == (heard.attempt, heard.dispatch)


def unreported(number: int, accepted_at: datetime) -> UnreportedAttempt:
    return UnreportedAttempt(
        id=AttemptId(ids.derived("a", number, at=START)),
        merchant_id=DISPATCH.merchant_id,
        recipient_id=DISPATCH.recipient_id,
        provider="main",
        provider_message_id=f"SM{number}",
        accepted_at=accepted_at,
        ask_at=START,
    )


def test_many_texts_of_one_hour_are_asked_about_as_one_list() -> None:
    many = [unreported(n, START + n * MINUTE) for n in range(LISTING_THRESHOLD)]
    last = START + (LISTING_THRESHOLD - 1) * MINUTE
    assert shared_listing(many) == TimeRange(START - 10 * MINUTE, last + 10 * MINUTE)
    assert shared_listing(many[1:]) is None


def test_the_fullest_hour_is_listed_first_and_older_texts_do_not_stretch_it() -> None:
    old = [unreported(n, START - 30 * HOUR + n * HOUR) for n in range(25)]
    assert shared_listing(old) is None
    many = [unreported(100 + n, START) for n in range(LISTING_THRESHOLD)]
    assert shared_listing([*old, *many]) == TimeRange(START - 10 * MINUTE, START + 10 * MINUTE)


def test_an_account_that_does_not_answer_rests_longer_each_time_up_to_half_an_hour() -> None:
    rest, waits = AccountBackoff(), []
    for _ in range(8):
        rest = rest.after(QueryFailed("http_503"), 100.0)
        waits.append(rest.until - 100.0)
    assert waits == [60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert AccountBackoff().after(QueryFailed("http_429", 600.0), 0.0).until == 600.0
