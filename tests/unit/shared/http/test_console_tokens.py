"""The console's tokens: good for one request, once, for a minute."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.errors import ConfigurationFault
from shared.http import console_tokens
from shared.http.console_tokens import TokenSigner, TokenVerifier
from shared.testing.clock import FakeClock

SIGNER = TokenSigner.new()
REQUEST: dict[str, Any] = {"method": "POST", "path": "/v1/controls?limit=1"}


def token(clock: FakeClock, signer: TokenSigner = SIGNER, **changes: Any) -> str:
    given = {"person": "user:anna", "merchant": "acme", "scopes": ["controls:write"], "body": b"{}", **REQUEST}
    return signer.token(clock.now(), **{**given, **changes})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def verifier(clock: FakeClock) -> TokenVerifier:
    return TokenVerifier(SIGNER.public_key, clock)


def test_a_token_says_who_may_do_what(clock: FakeClock, verifier: TokenVerifier) -> None:
    call = verifier.call(token(clock), **REQUEST)
    assert call is not None
    assert (call.person, call.merchant, call.scopes) == ("user:anna", "acme", ["controls:write"])


def test_a_token_that_comes_twice_counts_once(clock: FakeClock, verifier: TokenVerifier) -> None:
    made = token(clock)
    assert verifier.call(made, **REQUEST) is not None
    assert verifier.call(made, **REQUEST) is None
    clock.advance(seconds=59)
    assert verifier.call(made, **REQUEST) is None


@pytest.mark.parametrize(
    "other", [{"method": "GET"}, {"path": "/v1/controls"}, {"path": "/v1/controls?limit=2"}, {"path": "/v1/holds"}]
)
def test_a_token_is_for_its_request_alone(clock: FakeClock, verifier: TokenVerifier, other: dict[str, str]) -> None:
    assert verifier.call(token(clock), **{**REQUEST, **other}) is None


@pytest.mark.parametrize(("seconds", "is_good"), [(59, True), (60, False), (3600, False)])
def test_a_token_ends_after_a_minute(clock: FakeClock, verifier: TokenVerifier, seconds: int, *, is_good: bool) -> None:
    made = token(clock)
    clock.advance(seconds=seconds)
    assert (verifier.call(made, **REQUEST) is not None) == is_good


def test_a_token_from_the_future_is_none(clock: FakeClock, verifier: TokenVerifier) -> None:
    later = FakeClock()
    later.advance(seconds=6)
    assert verifier.call(token(later), **REQUEST) is None


def test_a_token_of_another_key_is_none(clock: FakeClock, verifier: TokenVerifier) -> None:
    assert verifier.call(token(clock, TokenSigner.new()), **REQUEST) is None


def test_where_no_key_is_known_no_token_counts(clock: FakeClock) -> None:
    assert TokenVerifier("", clock).call(token(clock), **REQUEST) is None


def test_a_token_whose_words_were_changed_is_none(clock: FakeClock, verifier: TokenVerifier) -> None:
    first, _, signature = token(clock).removeprefix("fc_").partition(".")
    said = orjson.loads(base64.urlsafe_b64decode(first + "=="))
    changed = base64.urlsafe_b64encode(orjson.dumps({**said, "merchant": "bolt"})).rstrip(b"=").decode()
    assert verifier.call(f"fc_{changed}.{signature}", **REQUEST) is None


@pytest.mark.parametrize(
    "nonsense", ["", "fc_", "fc_.", "fc_a.b", "fc_é.é", "fc_====.====", "fu_x", "fc_" + "A" * 9000]
)
def test_nonsense_of_any_length_is_none(verifier: TokenVerifier, nonsense: str) -> None:
    assert verifier.call(nonsense, **REQUEST) is None


def test_ids_are_forgotten_with_their_minute_and_never_too_many_kept(
    clock: FakeClock, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_tokens, "_MOST_REMEMBERED", 3)
    assert [verifier.call(token(clock), **REQUEST) is not None for _ in range(4)] == [True, True, True, False]
    clock.advance(seconds=66)
    assert verifier.call(token(clock), **REQUEST) is not None
    assert len(verifier._seen) == 1


def test_a_key_is_read_as_it_was_saved_and_only_by_its_owner(tmp_path: Path) -> None:
    SIGNER.save(tmp_path / "key.pem")
    assert TokenSigner.load(tmp_path / "key.pem").public_key == SIGNER.public_key
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        SIGNER.save(tmp_path / "key.pem")


def test_what_is_no_key_is_named(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "other").write_text("no key")
    for path in (tmp_path / "other", tmp_path / "missing"):
        with pytest.raises(ConfigurationFault, match="FOLLOWUP_CONSOLE_SIGNING_KEY_FILE"):
            TokenSigner.load(path)
    with pytest.raises(ConfigurationFault, match="FOLLOWUP_CONSOLE_PUBLIC_KEY"):
        TokenVerifier("zz", clock)
