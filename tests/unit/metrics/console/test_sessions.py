"""A console session is good for one merchant, for a time, and only while its key may read metrics."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.metrics.console.sessions import Sessions
from services.metrics.tables import sessions as table
from shared.config.directory import MerchantDirectory
from shared.http.auth import key_sha256
from shared.ids import MerchantId
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_metrics import READ_KEY, merchants_folder

ACME = MerchantId("acme")


@dataclass
class Console:
    harness: ServiceHarness
    clock: FakeClock
    merchants: MerchantDirectory
    sessions: Sessions
    file: Path

    async def open(self) -> str:
        return await self.sessions.open(ACME, key_sha256(READ_KEY))

    async def opened(self, cookie: str | None) -> str | None:
        merchant = await self.sessions.merchant_of(cookie)
        return merchant.id if merchant else None

    def rewrite(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")
        assert self.merchants.reload_if_changed()


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    clock = FakeClock()
    folder = merchants_folder(tmp_path / "merchants")
    merchants = MerchantDirectory.load(folder, {})
    async with harness(tmp_path, clock, merchants) as base:
        await base.create(table.metadata)
        sessions = Sessions(base.runtime.units, merchants, hours=12)
        yield Console(base, clock, merchants, sessions, folder / "acme" / "merchant.yaml")


async def test_a_session_opens_its_merchants_console_and_ends_with_its_time(console: Console) -> None:
    cookie = await console.open()
    console.clock.advance(hours=11, minutes=59)
    assert await console.opened(cookie) == "acme"
    console.clock.advance(minutes=1)
    assert await console.opened(cookie) is None


async def test_signing_out_ends_the_session_wherever_its_cookie_was_copied_to(console: Console) -> None:
    cookie, another = await console.open(), await console.open()
    await console.sessions.end(cookie)
    assert await console.opened(cookie) is None
    assert await console.opened(another) == "acme"


@pytest.mark.parametrize("cookie", [None, "", "acme", "a:b:c:d", "é", "x" * 43, "9" * 5000, "a:b:" + "9" * 5000 + ":c"])
async def test_nonsense_of_any_length_opens_nothing_and_ends_nothing(console: Console, cookie: str | None) -> None:
    assert await console.opened(cookie) is None
    await console.sessions.end(cookie)
    assert await console.sessions.redeem(cookie or "") is None


async def test_a_session_ends_at_once_when_its_key_loses_the_scope(console: Console) -> None:
    cookie = await console.open()
    console.rewrite("metrics:read", "gate:read")
    assert await console.opened(cookie) is None


async def test_a_session_ends_at_once_when_its_key_is_made_anew_under_the_same_name(console: Console) -> None:
    cookie = await console.open()
    console.rewrite(key_sha256(READ_KEY), key_sha256("fu_the-next-key"))
    assert await console.opened(cookie) is None


async def test_a_code_opens_one_session_once_and_only_for_an_hour(console: Console) -> None:
    code = await console.sessions.code(ACME, key_sha256(READ_KEY))
    assert await console.opened(code) is None
    cookie = await console.sessions.redeem(code)
    assert await console.opened(cookie) == "acme"
    assert await console.sessions.redeem(code) is None
    late = await console.sessions.code(ACME, key_sha256(READ_KEY))
    console.clock.advance(hours=1)
    assert await console.sessions.redeem(late) is None
    assert await console.sessions.redeem(cookie or "") is None


async def test_a_stored_session_does_not_sign_in_and_goes_when_it_has_ended(console: Console) -> None:
    cookie = await console.open()
    assert cookie.encode() not in await console.harness.stored()
    console.clock.advance(hours=13)
    await console.open()
    assert len(await console.harness.rows(table.select())) == 1
