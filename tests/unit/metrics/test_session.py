"""A console session is good for one merchant, for a time, and only while its key may read metrics."""

from pathlib import Path

import pytest

from services.metrics.session import SCOPE, Sessions
from shared.config.directory import MerchantDirectory
from shared.http.auth import Caller
from shared.privacy import Keyring, Sealer
from shared.testing.clock import FakeClock
from shared.testing.make_metrics import merchants_folder


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def merchants(tmp_path: Path) -> MerchantDirectory:
    return MerchantDirectory.load(merchants_folder(tmp_path), {})


@pytest.fixture
def sessions(clock: FakeClock, merchants: MerchantDirectory) -> Sessions:
    return Sessions(Sealer(Keyring.new()), merchants, clock, hours=12)


@pytest.fixture
def cookie(sessions: Sessions, merchants: MerchantDirectory) -> str:
    merchant = merchants.get("acme")
    assert merchant is not None
    return sessions.issue(Caller(merchant, "reader", frozenset({SCOPE})))


def opened(sessions: Sessions, cookie: str | None) -> str | None:
    merchant = sessions.merchant_of(cookie)
    return merchant.id if merchant else None


def test_a_session_opens_its_merchants_console(sessions: Sessions, cookie: str) -> None:
    assert opened(sessions, cookie) == "acme"


def test_a_session_ends_with_its_time(sessions: Sessions, cookie: str, clock: FakeClock) -> None:
    clock.advance(hours=11, minutes=59)
    assert opened(sessions, cookie) == "acme"
    clock.advance(minutes=1)
    assert opened(sessions, cookie) is None


def test_a_cookie_turned_to_another_shop_opens_nothing(sessions: Sessions, cookie: str) -> None:
    assert opened(sessions, cookie.replace("acme", "bolt")) is None


def test_a_cookie_with_a_later_end_opens_nothing(sessions: Sessions, cookie: str) -> None:
    merchant, key, ends, signature = cookie.split(":")
    assert opened(sessions, f"{merchant}:{key}:{int(ends) + 1}:{signature}") is None


@pytest.mark.parametrize(
    "cookie", [None, "", "acme", "a:b:c:d", "acme:reader:99999999999:", "acme:reader:²:x", "é:a:1:ü"]
)
def test_nonsense_opens_nothing(sessions: Sessions, cookie: str | None) -> None:
    assert opened(sessions, cookie) is None


def test_a_session_ends_at_once_when_its_key_is_taken_away(
    sessions: Sessions, cookie: str, merchants: MerchantDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "acme" / "merchant.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("metrics:read", "gate:read"), encoding="utf-8")
    assert merchants.reload_if_changed()
    assert opened(sessions, cookie) is None


def test_the_cookie_does_not_hold_the_key(cookie: str) -> None:
    assert "fu_" not in cookie
