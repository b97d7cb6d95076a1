"""The inbox by who handles what, how much of it waits, and why somebody decided so."""

from functools import partial

import sqlalchemy as sa

from services.sender.conversations import store
from services.sender.conversations.conversation import ConversationState
from services.sender.tables import audit_tables
from shared import aad
from shared.ids import MerchantId
from shared.testing import make
from tests.integration.sender.driver import SenderDriver
from tests.integration.sender.test_inbox import ALL, PATH, READER, UNCLEAR, do, listed


async def test_the_inbox_is_filtered_by_who_handles_it_and_counted(driver: SenderDriver) -> None:
    said = {"+12125550121": "hello", "+12125550122": UNCLEAR, "+12125550123": "hi"}
    for number, (phone, text) in enumerate(said.items()):
        driver.clock.advance(seconds=1)
        await driver.reply(text, f"SM-{number}", phone)
        await do(driver, "assign", phone=phone, who="maria" if phone[-1] != "3" else "tom")
    assert [each["to"][-1] for each in await listed(driver, assigned_to="maria")] == ["2", "1"]
    assert [each["to"][-1] for each in await listed(driver, assigned_to="maria", state="unread")] == ["1"]
    assert await listed(driver, assigned_to="mar") == []
    counts = await driver.http.get(f"{PATH}/counts", headers=READER)
    assert (counts.status_code, counts.json()) == (200, {"needs_review": 1, "unread": 2})
    for who in ("", "a" * 65):
        assert (await driver.http.get(PATH, params={"assigned_to": who}, headers=ALL)).status_code == 422


async def test_counts_end_at_a_page(driver: SenderDriver) -> None:
    await driver.reply("hello", "SM-1", "+12125550121")
    await driver.reply("hello", "SM-2", "+12125550122")
    count = partial(store.count, merchant=MerchantId(make.MERCHANT), state=ConversationState.UNREAD)
    found = [await driver.harness.runtime.units.read(partial(count, most=most)) for most in (1, 2, 3)]
    assert found == [1, 2, 2]


async def test_why_somebody_decided_so_is_in_the_audit_log_alone(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    assert (await do(driver, "review", was_opt_out=False, reason=" meant the magazine ")).status_code == 200
    assert b"the magazine" not in await driver.harness.stored()
    rows = await driver.harness.rows(sa.select(audit_tables.entries).where(audit_tables.entries.c.reason.is_not(None)))
    opened = [
        driver.sealer.open(MerchantId(make.MERCHANT), aad.audit_reason(row["id"]), bytes(row["reason"])) for row in rows
    ]
    assert opened == [b"meant the magazine"]
    assert (await do(driver, "review", was_opt_out=False, reason="x" * 201)).status_code == 422
