"""Replies without a known recipient: who sees them, what they say, and what is decided about them."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from services.sender.instruments import UNASSIGNED_SETTLED
from services.sender.replies import store, unassigned
from services.sender.replies.intake import ReplyIntake
from services.sender.replies.unassigned_api import chosen_merchant
from services.sender.tables import audit_tables
from shared.audit_log import AuditLog
from shared.config.directory import MerchantDirectory
from shared.events.consent import ConsentAct, ConsentReported
from shared.events.engagement import ReplyReceived
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.phone import E164
from shared.testing import make, make_sender
from shared.testing.clock import START
from shared.testing.make_sender import API_KEY, PERSON, SENDER_NUMBER, signed_post
from tests.integration.sender.driver import SenderDriver

PATH = "/v1/replies/unassigned"
DECIDER = {"Authorization": f"Bearer {API_KEY}"}
READER = {"Authorization": f"Bearer {API_KEY}_{make.MERCHANT}_reader"}


async def deliver(driver: SenderDriver, **changes: str) -> None:
    """Let the provider deliver a reply without a known sender."""
    form = {"MessageSid": "SM-in-1", "From": "messenger:1042", "To": SENDER_NUMBER, "Body": "STOP"} | changes
    answer = await driver.http.post(**signed_post(make_sender.replies_url(), form))
    assert answer.status_code in {200, 422}


async def listed(driver: SenderDriver, headers: dict[str, str] = DECIDER, **query: Any) -> dict[str, Any]:
    answer = await driver.http.get(PATH, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def decide(
    driver: SenderDriver, verb: str, body: dict[str, Any], headers: dict[str, str] = DECIDER
) -> httpx2.Response:
    """Settle the one reply there is."""
    [reply] = (await listed(driver))["replies"]
    return await driver.http.post(f"{PATH}/{reply['id']}/{verb}", json=body, headers=headers)


async def test_what_a_reply_says_is_shown_to_those_alone_who_may_decide(driver: SenderDriver) -> None:
    await deliver(driver, Body="Stop. Ana")
    [shown] = (await listed(driver))["replies"]
    assert (shown["reason"], shown["reply_class"]) == ("sender_unknown", "opt_out")
    assert (shown["fields"]["From"], shown["fields"]["Body"]) == ("messenger:1042", "Stop. Ana")
    answer = await driver.http.get(PATH, headers=READER)
    assert "Ana" not in answer.text
    assert answer.json()["replies"] == [{**shown, "fields": None}]
    assert (await decide(driver, "assign", {"to": PERSON}, READER)).status_code == 403


async def test_a_stop_that_is_assigned_counts_and_waits_no_longer(driver: SenderDriver) -> None:
    await deliver(driver)
    answer = await decide(driver, "assign", {"to": "(212) 555-0123"})
    assert answer.json() == {"reply_class": "opt_out", "merchant": make.MERCHANT}
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
    [claim] = await driver.published(ConsentReported)
    assert (claim.act, claim.method) == (ConsentAct.REVOKED, "keyword")
    [heard] = await driver.published(ReplyReceived)
    assert heard.sender_number == SENDER_NUMBER
    assert (await listed(driver))["replies"] == []


async def test_a_reply_to_a_number_that_left_the_file_is_its_own_senders(driver: SenderDriver) -> None:
    await deliver(driver, From=PERSON, To="+12025550199")
    assert (await decide(driver, "assign", {})).status_code == 200
    [row] = await driver.people()
    assert row["recipient_id"] == make_sender.recipient_id(driver.sealer, PERSON)
    assert row["suppressed"] == "opt_out"


async def test_a_reply_that_names_neither_text_nor_sender_can_be_assigned_too(driver: SenderDriver) -> None:
    await deliver(driver, MessageSid="", From="")
    assert (await decide(driver, "assign", {"to": PERSON})).json()["reply_class"] == "opt_out"


async def test_assigned_twice_after_a_crash_it_counts_once(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deliver(driver)

    async def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(unassigned.UnassignedReplies, "_delete", dies)
        with pytest.raises(RuntimeError, match="killed"):
            await decide(driver, "assign", {"to": PERSON})
    assert (await decide(driver, "assign", {"to": PERSON})).status_code == 200
    assert len(await driver.published(ConsentReported)) == 1
    assert len(await driver.replies()) == 1


async def test_whose_it_is_must_be_known_before_it_is_assigned(driver: SenderDriver) -> None:
    await deliver(driver)
    answer = await decide(driver, "assign", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_assignable")
    assert "`to`" in answer.json()["detail"]
    answer = await decide(driver, "assign", {"to": "12"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")
    answer = await decide(driver, "assign", {"to": PERSON, "merchant": "another"})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_merchant")
    assert len((await listed(driver))["replies"]) == 1


async def test_what_reads_as_an_opt_out_is_not_put_away_by_the_way(driver: SenderDriver) -> None:
    await deliver(driver)
    answer = await decide(driver, "dismiss", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "reads_as_opt_out")
    before = UNASSIGNED_SETTLED.labels("dismissed")._value.get()
    assert (await decide(driver, "dismiss", {"although_opt_out": True})).json() == {"dismissed": True}
    assert UNASSIGNED_SETTLED.labels("dismissed")._value.get() == before + 1
    assert (await listed(driver))["replies"] == []
    assert await driver.people() == []


async def test_a_reply_that_is_settled_is_not_found_again(driver: SenderDriver) -> None:
    await deliver(driver, Body="hello")
    [reply] = (await listed(driver))["replies"]
    for status in (200, 404):
        answer = await driver.http.post(f"{PATH}/{reply['id']}/dismiss", json={}, headers=DECIDER)
        assert answer.status_code == status
    assert (await driver.http.post(f"{PATH}/abc/dismiss", json={}, headers=DECIDER)).status_code == 422


async def test_pages_show_every_reply_once_the_newest_first(driver: SenderDriver) -> None:
    for number in range(5):
        await deliver(driver, MessageSid=f"SM-{number}", Body=f"hello {number}")
        driver.clock.advance(seconds=number % 2)  # some at the same instant
    found, cursor = [], None
    while True:
        page = await listed(driver, limit=2, **({"cursor": cursor} if cursor else {}))
        found += [(reply["received_at"], reply["fields"]["Body"]) for reply in page["replies"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(text for _, text in found) == [f"hello {number}" for number in range(5)]
    assert [at for at, _ in found] == sorted((at for at, _ in found), reverse=True)
    assert (await driver.http.get(PATH, params={"cursor": "x"}, headers=DECIDER)).status_code == 422


async def test_the_list_is_read_along_its_index(driver: SenderDriver) -> None:
    plan = await driver.harness.plan(store.NEWEST, merchant_id="a", received_at=START, digest=b"", most=9)
    assert "ix_sender_unassigned_replies_newest" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


async def test_the_operator_may_say_that_it_was_meant_for_another_shop(driver: SenderDriver, tmp_path: Path) -> None:
    changes = {"name": "other", "number": "+12025550177", "key": "0" * 64}
    folder = make_sender.merchants_folder(tmp_path / "elsewhere", driver.provider.base_url, **changes)
    others = MerchantDirectory.load(folder, make_sender.ENVIRON)
    other, acme = others.get("other"), driver.harness.runtime.merchants.get(make.MERCHANT)
    assert other is not None
    assert acme is not None
    operator = Caller(acme, "operator", frozenset())
    assert chosen_merchant(operator, "other", others) is other
    with pytest.raises(HTTPProblem) as refused:
        chosen_merchant(operator, "nobody", others)
    assert refused.value.status == 422

    await deliver(driver)
    units, sealer = driver.harness.runtime.units, driver.sealer
    replies = unassigned.UnassignedReplies(
        units, sealer, driver.sender.providers, ReplyIntake(units, sealer), AuditLog(audit_tables, sealer)
    )
    [listed_reply] = (await listed(driver))["replies"]
    reply = await replies.find(acme.id, listed_reply["id"])
    assert reply is not None
    await replies.assign(operator, reply, other, E164(PERSON))
    [row] = await driver.replies()
    assert (row["merchant_id"], row["sender_number"], row["reply_class"]) == ("other", "+12025550177", "opt_out")


async def entries(driver: SenderDriver) -> list[dict[str, Any]]:
    """Return the audit log, oldest first."""
    rows = await driver.harness.rows(sa.select(audit_tables.entries).order_by(audit_tables.entries.c.position))
    return [json.loads(bytes(row["canonical"])) for row in rows]


async def test_who_assigned_a_reply_to_whom_is_logged_and_who_may_only_list_them_is_not(driver: SenderDriver) -> None:
    await deliver(driver)
    await listed(driver, READER)
    assert (await decide(driver, "assign", {"to": PERSON}, READER)).status_code == 403
    before = await entries(driver)
    assert {each["action"] for each in before} == {"replies.revealed"}  # `decide` looks with the key that may
    [reply] = (await listed(driver, READER))["replies"]
    answer = await driver.http.post(f"{PATH}/{reply['id']}/assign", json={"to": PERSON}, headers=DECIDER)
    assert answer.status_code == 200
    [assigned] = (await entries(driver))[len(before) :]
    assert (assigned["action"], assigned["subject"]) == ("reply.assigned", reply["id"])
    assert assigned["recipient"] == str(driver.sealer.recipient_id(MerchantId(make.MERCHANT), E164(PERSON)))
    assert PERSON not in str(assigned)


async def test_an_assignment_that_is_refused_is_not_logged(driver: SenderDriver) -> None:
    await deliver(driver)
    assert (await decide(driver, "assign", {})).status_code == 409
    assert {each["action"] for each in await entries(driver)} == {"replies.revealed"}
