"""An attempt to sign in belongs to one browser, for ten minutes."""

import base64
from datetime import timedelta

import orjson
import pytest

from services.console.identity.attempts import SignInAttempt
from shared.testing.clock import FakeClock

NOW = FakeClock().now()


def test_a_cookie_brings_back_what_was_begun_until_it_ends() -> None:
    begun = SignInAttempt.new(NOW, "the code", "bo")
    assert SignInAttempt.parsed(begun.encoded(), NOW + timedelta(seconds=599)) == begun
    assert SignInAttempt.parsed(begun.encoded(), NOW + timedelta(seconds=600)) is None


def test_what_the_provider_gets_differs_and_tells_nothing_of_the_cookie() -> None:
    begun, other = SignInAttempt.new(NOW), SignInAttempt.new(NOW)
    derived = [begun.state, begun.nonce, begun.verifier, begun.challenge]
    assert len({*derived, other.state}) == 5
    assert all(len(each) == 43 and begun.secret not in each for each in derived)
    assert begun.is_answered_by(begun.state)
    assert not any(begun.is_answered_by(each) for each in (other.state, begun.nonce, "", "ä"))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'["s", "soon", "", ""]', b'["", 99999999999, "", ""]', b"\xff"]
)
def test_a_cookie_that_was_not_written_here_is_none(content: bytes) -> None:
    assert SignInAttempt.parsed(base64.urlsafe_b64encode(content).decode(), NOW) is None


def test_odd_and_long_cookies_are_none() -> None:
    long = orjson.dumps(["s" * 2_000, 99_999_999_999, "", ""])
    for cookie in (None, "ä", "!", base64.urlsafe_b64encode(long).decode()):
        assert SignInAttempt.parsed(cookie, NOW) is None
