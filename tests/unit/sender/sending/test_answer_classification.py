"""What a call met, read once: the table of the send protocol, section 2."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.providers.reactions import Reaction
from services.sender.providers.twilio import TwilioDialect
from services.sender.providers.twilio_codes import CODES
from services.sender.sending.answer_classification import (
    LONGEST_RETRY_AFTER_SECONDS,
    REFUSING_STATUSES,
    Accepted,
    BrokenCall,
    HttpAnswer,
    NotSent,
    Refused,
    Unknown,
    classify,
    retry_after_seconds,
)
from shared.events.dispatch import ErrorClass

TWILIO = TwilioDialect()
ERROR = json.dumps({"code": 21211, "message": "no", "status": 400}).encode()
TAKEN = json.dumps({"sid": "SM1", "num_segments": "2", "price": "-0.0079", "price_unit": "USD"}).encode()


@pytest.mark.parametrize("reason", ["name_not_found", "connection_refused", "tls_failed", "connect_timeout"])
def test_what_never_wrote_a_byte_was_not_sent(reason: str) -> None:
    assert classify(BrokenCall(reason, bytes_written=False), TWILIO) == NotSent(reason)


@pytest.mark.parametrize("reason", ["timeout", "disconnected", "connection_broken"])
def test_what_broke_after_a_byte_was_written_is_unknown(reason: str) -> None:
    assert classify(BrokenCall(reason, bytes_written=True), TWILIO) == Unknown(reason)


@pytest.mark.parametrize("status", sorted(REFUSING_STATUSES))
def test_a_refusal_in_the_providers_own_words_is_one(status: int) -> None:
    answer = classify(HttpAnswer(status, ERROR, {}), TWILIO)
    assert isinstance(answer, Refused)
    assert (answer.code, answer.meaning.error_class) == ("21211", ErrorClass.INVALID)


@pytest.mark.parametrize("status", sorted(REFUSING_STATUSES))
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": "no"}', b'{"code": true}'])
def test_a_refusal_in_another_voice_is_unknown(status: int, body: bytes) -> None:
    assert isinstance(classify(HttpAnswer(status, body, {}), TWILIO), Unknown)


def test_a_throttle_slows_down_and_keeps_the_providers_wait() -> None:
    answer = classify(HttpAnswer(429, b"", {"retry-after": "7"}), TWILIO)
    assert isinstance(answer, Refused)
    assert (answer.meaning.reaction, answer.retry_after_seconds) == (Reaction.SLOW_DOWN, 7.0)


def test_an_acceptance_carries_id_parts_and_its_exact_price() -> None:
    assert classify(HttpAnswer(201, TAKEN, {}), TWILIO) == Accepted("SM1", parts=2, price_micros=7_900, currency="USD")


@given(st.integers(100, 599), st.binary(max_size=60), st.dictionaries(st.just("retry-after"), st.text(max_size=8)))
def test_no_answer_is_ever_taken_for_proof_that_no_text_exists_unless_it_is(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = classify(HttpAnswer(status, body, headers), TWILIO)
    assert not isinstance(answer, NotSent)
    if isinstance(answer, Refused):
        assert status == 429 or (status in REFUSING_STATUSES and TWILIO.error_code(body) is not None)
    if isinstance(answer, Accepted):
        assert 200 <= status < 300


@given(st.text(max_size=20))
def test_a_wait_is_never_negative_endless_or_not_a_number(text: str) -> None:
    seconds = retry_after_seconds({"retry-after": text})
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER_SECONDS


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_is_no_number_of_seconds_is_not_read(text: str) -> None:
    assert retry_after_seconds({"retry-after": text}) is None


def test_only_codes_that_mean_nothing_was_processed_slow_the_number_down() -> None:
    assert {code for code, meaning in CODES.items() if meaning.reaction is Reaction.SLOW_DOWN} == {"20429", "21611"}
