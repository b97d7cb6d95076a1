"""A console session is good for one merchant, for a time, and only while its key may read metrics."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from services.console.accounts.account_log import AccountLog
from services.console.accounts.sessions import Sessions
from services.console.accounts.user_store import StoredUser
from services.console.accounts.users import Users, insert
from services.console.retention import prune
from services.console.tables import sessions as table
from shared.audit import Actor, ActorKind, AddressClass
from shared.config.directory import MerchantDirectory
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import key_sha256
from shared.ids import MerchantId
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_metrics import READ_KEY, merchants_folder
from shared.vocabulary.roles import Role

ACME = MerchantId("acme")
HERE = AddressClass.THIS_MACHINE
READER = Actor(ActorKind.API_KEY, "reader", HERE)


@dataclass
class Console:
    harness: ServiceHarness
    clock: FakeClock
    merchants: MerchantDirectory
    sessions: Sessions
    file: Path

    async def open(self) -> str:
        return await self.sessions.open(ACME, key_sha256(READ_KEY), READER)

    async def opened(self, cookie: str | None) -> str | None:
        person = await self.sessions.person_of(cookie)
        return person.merchant.id if person else None

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
        sessions = Sessions(base.runtime.units, merchants, 12, AccountLog.of(base.runtime.sealer))
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
    assert await console.sessions.redeem(cookie or "", HERE) is None


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
    cookie = await console.sessions.redeem(code, HERE)
    assert await console.opened(cookie) == "acme"
    assert await console.sessions.redeem(code, HERE) is None
    late = await console.sessions.code(ACME, key_sha256(READ_KEY))
    console.clock.advance(hours=1)
    assert await console.sessions.redeem(late, HERE) is None
    assert await console.sessions.redeem(cookie or "", HERE) is None


async def test_a_stored_session_does_not_sign_in_and_goes_when_it_has_ended(console: Console) -> None:
    cookie = await console.open()
    assert cookie.encode() not in await console.harness.stored()
    console.clock.advance(hours=11)
    await console.open()
    console.clock.advance(hours=1, seconds=1)
    await prune(console.harness.runtime.units)
    assert len(await console.harness.rows(table.select())) == 1


async def test_a_session_may_what_its_key_may_and_never_more_than_the_console(console: Console) -> None:
    console.rewrite("'metrics:read'", "'metrics:read', 'events:write'")
    person = await console.sessions.person_of(await console.open())
    assert person is not None
    assert (person.name, person.role) == ("reader", None)
    assert person.scopes == {"metrics:read"}


async def test_the_forms_of_one_session_are_not_those_of_another(console: Console) -> None:
    one = await console.sessions.person_of(await console.open())
    two = await console.sessions.person_of(await console.open())
    assert one is not None
    assert two is not None
    assert one.sent(one.form_token)
    assert not one.sent(two.form_token)
    assert not one.sent("")
    assert not one.sent("é")


async def test_of_many_codes_for_the_first_user_one_makes_one_and_only_within_a_quarter_of_an_hour(
    console: Console,
) -> None:
    units, log = console.harness.runtime.units, AccountLog.of(console.harness.runtime.sealer)
    users = Users(units, log)
    late = await console.sessions.first_user_code()
    assert late is not None
    console.clock.advance(minutes=15)
    assert not await console.sessions.makes_first_user(late)
    codes = [await console.sessions.first_user_code() for _ in range(3)]
    made = [await users.prepared(ACME, f"user-{n}", Role.OWNER, "a long enough one") for n in range(3)]

    async def work(code: str, user: StoredUser, uow: UnitOfWork) -> bool:
        if not await console.sessions.take_first_user_code(uow, code):
            return False
        await insert(uow, user)
        return True

    done = [
        await units.run(partial(work, code or "", user), WritePriority.INGEST)
        for code, user in zip(codes, made, strict=True)
    ]
    assert done == [True, False, False]
    assert await console.sessions.first_user_code() is None
    assert not await console.sessions.makes_first_user(codes[1] or "")
