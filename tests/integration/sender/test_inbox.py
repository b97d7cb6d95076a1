"""The inbox: who may read what people wrote and were sent, in which order, and what somebody decides about it."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from services.sender import retention
from services.sender.conversations import store
from services.sender.conversations.conversation import ConversationState
from services.sender.conversations.inbox import Reveal
from services.sender.instruments import CLEAR_ANSWERS, REVIEWS
from services.sender.settings import SenderSettings
from services.sender.tables import attempts, audit_tables, conversations, replies
from shared import aad, failpoints
from shared.audit import Actor, ActorKind, AddressClass
from shared.db.sweep import swept
from shared.db.transaction import WritePriority
from shared.events.consent import ConsentAct, ConsentReported, RecipientErased
from shared.events.engagement import ReplyReceived, ReplyReviewed
from shared.events.follow_up import Purpose
from shared.ids import MerchantId, RecipientId
from shared.phone import masked
from shared.testing import make, make_sender
from shared.testing.clock import START
from shared.testing.make_sender import API_KEY, PERSON
from tests.integration.engines import only_on_sqlite
from tests.integration.sender.driver import SenderDriver
from tests.integration.sender.test_replies import changed

PATH = "/v1/conversations"
ALL = {"Authorization": f"Bearer {API_KEY}"}
READER = {"Authorization": f"Bearer {API_KEY}_{make.MERCHANT}_reader"}
UNCLEAR = "cancel my subscription"
ACTOR = Actor(ActorKind.API_KEY, "eve", AddressClass.PUBLIC)
CLEAR = Reveal(texts=True, numbers=True)


def person(driver: SenderDriver, phone: str = PERSON) -> RecipientId:
    return make_sender.recipient_id(driver.sealer, phone)


async def listed(driver: SenderDriver, headers: dict[str, str] = ALL, **query: Any) -> list[dict[str, Any]]:
    answer = await driver.http.get(PATH, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["conversations"]
    return found


async def thread(driver: SenderDriver, headers: dict[str, str] = ALL, **query: Any) -> dict[str, Any]:
    answer = await driver.http.get(f"{PATH}/{person(driver)}", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def do(
    driver: SenderDriver, verb: str, headers: dict[str, str] = ALL, phone: str = PERSON, **body: Any
) -> httpx2.Response:
    return await driver.http.post(f"{PATH}/{person(driver, phone)}/{verb}", json=body, headers=headers)


async def test_what_was_sent_is_kept_as_it_was_sent_and_rests_sealed(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    [row] = await driver.attempts()
    place = aad.sent_text(row["id"])
    assert driver.sealer.open(MerchantId(make.MERCHANT), place, bytes(row["text"])).decode() == "Acme: Hello Ana"
    assert [text.form["Body"] for text in driver.provider.texts] == ["Acme: Hello Ana"]
    assert b"Hello Ana" not in await driver.harness.stored()


async def test_a_call_that_a_restored_backup_may_have_lost_has_no_text(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    driver.clock.advance(seconds=5)
    driver.restarted(restored_at=START)
    await driver.send()
    assert [row["text"] for row in await driver.attempts()] == [None]


async def test_a_thread_holds_replies_and_texts_of_all_flows_the_newest_first(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))
    await driver.send()
    driver.clock.advance(minutes=1)
    await driver.reply("Do you have it in blue?")
    driver.clock.advance(minutes=1)
    await driver.hear(driver.cleared(2, flow="win-back", text="Come back"))
    await driver.send()
    found = await thread(driver)
    said = [(item["kind"], item["text"]) for item in found["items"]]
    assert said == [("text", "Acme: Come back"), ("reply", "Do you have it in blue?"), ("text", "Acme: Hello Ana")]
    newest, reply, oldest = found["items"]
    assert (newest["flow"], newest["state"], newest["parts"]) == ("win-back", "accepted", 1)
    assert reply["follow_up_id"] == oldest["follow_up_id"]
    assert found["conversation"]["to"] == PERSON
    assert found["permission"] == {
        "suppressed": None,
        "marketing_suppressed": False,
        "informational_suppressed": False,
        "needs_review": False,
    }


async def test_texts_and_numbers_are_clear_only_for_keys_that_may_read_them(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    await driver.reply("Thanks a lot, says Ana")
    before = {what: CLEAR_ANSWERS.labels(what)._value.get() for what in ("texts", "numbers")}
    for path in (PATH, f"{PATH}/{person(driver)}"):
        answer = await driver.http.get(path, headers=READER)
        assert answer.status_code == 200
        assert "Ana" not in answer.text
        assert PERSON not in answer.text
        assert masked(PERSON) in answer.json().get("conversation", *answer.json().get("conversations", [])).values()
    assert [item["text"] for item in (await thread(driver, READER))["items"]] == ["…", "…"]
    assert {what: CLEAR_ANSWERS.labels(what)._value.get() for what in before} == before
    assert [each["newest_text"] for each in await listed(driver)] == ["Thanks a lot, says Ana"]
    await thread(driver)
    assert {what: CLEAR_ANSWERS.labels(what)._value.get() - before[what] for what in before} == {
        "texts": 2,
        "numbers": 2,
    }


@pytest.mark.parametrize("verb", ["read", "assign", "close", "review"])
async def test_a_key_that_only_reads_changes_nothing(driver: SenderDriver, verb: str) -> None:
    await driver.reply(UNCLEAR)
    bodies: dict[str, dict[str, Any]] = {"assign": {"who": "eve"}, "review": {"was_opt_out": False}}
    body = bodies.get(verb, {})
    assert (await do(driver, verb, READER, **body)).status_code == 403
    assert [each["state"] for each in await listed(driver)] == ["needs_review"]


async def test_decisions_come_first_then_the_unread_then_the_newest(driver: SenderDriver) -> None:
    said = {"+12125550121": "hello", "+12125550122": UNCLEAR, "+12125550123": "hi", "+12125550124": "STOP"}
    for number, (phone, text) in enumerate(said.items()):
        driver.clock.advance(seconds=1)
        await driver.reply(text, f"SM-{number}", phone)
    await do(driver, "read", phone="+12125550123")
    states = [(each["to"][-1], each["state"], each["unread"]) for each in await listed(driver)]
    assert states == [("2", "needs_review", 1), ("1", "unread", 1), ("3", "read", 0)]
    assert [each["to"][-1] for each in await listed(driver, state="all")] == ["2", "1", "3", "4"]
    for state, ends in {"needs_review": "2", "unread": "1", "read": "3", "closed": "4"}.items():
        assert [each["to"][-1] for each in await listed(driver, state=state)] == [ends]


async def test_what_the_system_answers_by_itself_makes_nothing_unread(driver: SenderDriver) -> None:
    for number, text in enumerate(("HELP", "STOP", "START")):
        driver.clock.advance(seconds=1)
        await driver.reply(text, f"SM-{number}")
    assert await listed(driver) == []
    [conversation] = await listed(driver, state="all")
    assert (conversation["state"], conversation["unread"], conversation["newest_class"]) == ("closed", 0, "opt_in")
    assert [item["reply_class"] for item in (await thread(driver))["items"]] == ["opt_in", "opt_out", "help"]


async def test_pages_show_every_conversation_once(driver: SenderDriver) -> None:
    for number in range(5):
        driver.clock.advance(seconds=number % 2)  # some at the same instant
        await driver.reply(UNCLEAR if number == 2 else "hello", f"SM-{number}", f"+1212555012{number}")
    found, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await driver.http.get(PATH, params=query, headers=ALL)).json()
        found += [each["to"][-1] for each in page["conversations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found[0] == "2"
    assert sorted(found) == list("01234")


async def test_pages_of_a_thread_show_every_reply_and_text_once(driver: SenderDriver) -> None:
    for number in range(4):
        await driver.reply(f"hello {number}", f"SM-{number}")
        await driver.hear(driver.cleared(number, text=f"text {number}"))
        await driver.send()
        driver.clock.advance(seconds=number % 2)
    found, cursor = [], None
    while True:
        page = await thread(driver, limit=3, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= 3
        found += [item["text"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted([f"hello {n}" for n in range(4)] + [f"Acme: text {n}" for n in range(4)])


@pytest.mark.parametrize("cursor", ["x", "!!!", "A" * 34, "_" * 34, "_" * 32])
async def test_a_cursor_that_no_list_returned_is_refused_or_finds_nothing(driver: SenderDriver, cursor: str) -> None:
    await driver.reply("hello")
    for path in (PATH, f"{PATH}/{person(driver)}"):
        answer = await driver.http.get(path, params={"cursor": cursor}, headers=ALL)
        assert answer.status_code in {200, 422}, answer.text


async def test_another_merchants_conversation_is_not_found(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    inbox = driver.sender.inbox
    other, recipient = MerchantId("other"), person(driver)
    assert await inbox.thread(other, recipient, store.THREAD_BEGIN, 10, CLEAR) is None
    assert await inbox.page(other, ConversationState.CLOSED, store.INBOX_BEGIN, 10, CLEAR) == []
    await inbox.close(other, recipient, None, ACTOR)
    await inbox.assign(other, recipient, "eve", ACTOR)
    [found] = await listed(driver)
    assert (found["state"], found["assigned_to"]) == ("needs_review", None)
    nobody = f"{PATH}/{UUID(int=7)}"
    assert (await driver.http.get(nobody, headers=ALL)).status_code == 404
    for verb, body in {"read": {}, "close": {}, "assign": {"who": "a"}, "review": {"was_opt_out": True}}.items():
        assert (await driver.http.post(f"{nobody}/{verb}", json=body, headers=ALL)).status_code == 404


async def test_nobody_reads_or_closes_away_what_came_after_they_looked(driver: SenderDriver) -> None:
    await driver.reply("hello", "SM-1")
    [seen] = [each["newest_reply_id"] for each in await listed(driver)]
    await driver.reply("and one more thing", "SM-2")
    for verb in ("read", "close"):
        answer = await do(driver, verb, seen=seen)
        assert (answer.status_code, answer.json()["code"]) == (409, "newer_reply")
    [conversation] = await listed(driver)
    assert (conversation["state"], conversation["unread"]) == ("unread", 2)
    assert (await do(driver, "close", seen=conversation["newest_reply_id"])).json()["state"] == "closed"
    assert await listed(driver) == []
    await driver.reply("hello again", "SM-3")
    assert [each["unread"] for each in await listed(driver)] == [1]


async def test_who_handles_it_rests_sealed_and_stays_when_they_write_again(driver: SenderDriver) -> None:
    await driver.reply("hello", "SM-1")
    assert (await do(driver, "assign", who="  maria@acme.example ")).json()["assigned_to"] == "maria@acme.example"
    assert b"maria@acme" not in await driver.harness.stored()
    await driver.reply("hello?", "SM-2")
    assert [each["assigned_to"] for each in await listed(driver)] == ["maria@acme.example"]
    assert (await do(driver, "assign", who=None)).json()["assigned_to"] is None
    [row] = await driver.harness.rows(sa.select(conversations.c.assignee_key))
    assert row["assignee_key"] is None
    for who in ("", "a" * 65, "two\nlines"):
        assert (await do(driver, "assign", who=who)).status_code == 422


async def test_a_reply_that_is_no_opt_out_ends_the_hold(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    await driver.hear(driver.cleared(1, purpose=Purpose.MARKETING))
    await driver.send()
    assert driver.provider.calls == 0
    before = REVIEWS.labels("no_opt_out")._value.get()
    [held] = await listed(driver)
    answer = await do(driver, "review", was_opt_out=False, seen=held["newest_reply_id"])
    assert (answer.status_code, answer.json()["state"]) == (200, "unread")
    assert REVIEWS.labels("no_opt_out")._value.get() == before + 1
    [reviewed] = await driver.published(ReplyReviewed)
    [heard] = await driver.published(ReplyReceived)
    assert (reviewed.was_opt_out, reviewed.reviewed_by) == (False, "backend")
    assert (str(reviewed.reply_id), reviewed.replied_at) == (held["newest_reply_id"], heard.occurred_at)
    assert await driver.published(ConsentReported) == []
    await driver.hear(driver.cleared(2, purpose=Purpose.MARKETING))
    await driver.send()
    assert driver.provider.calls == 1
    [item] = [item for item in (await thread(driver))["items"] if item["kind"] == "reply"]
    assert (item["needs_review"], item["review"]["was_opt_out"], item["review"]["by"]) == (False, False, "backend")


async def test_a_reply_that_was_an_opt_out_is_the_persons_own_and_acts_at_once(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    written_at = driver.clock.now()
    driver.clock.advance(hours=3)
    assert (await do(driver, "review", was_opt_out=True)).status_code == 200
    [claim] = await driver.published(ConsentReported)
    assert (claim.act, claim.method, claim.source, claim.keyword_seq) == (ConsentAct.REVOKED, "reply", "reply", 1)
    assert claim.captured_at == written_at
    assert claim.evidence is not None
    evidence = driver.sealer.open(claim.merchant_id, aad.evidence(claim.event_id), claim.evidence).decode()
    assert UNCLEAR in evidence
    assert '"reviewed_by":"backend"' in evidence
    assert (await driver.people())[0]["suppressed"] == "opt_out"
    await driver.hear(driver.cleared(1, purpose=Purpose.TRANSACTIONAL))
    await driver.send()
    assert driver.provider.calls == 0
    # Only the ledger's echo of this number lifts it, as after a STOP.
    await driver.hear(changed(driver, 1, act=ConsentAct.GRANTED))
    assert (await driver.people())[0]["suppressed"] == "opt_out"


@pytest.mark.parametrize("driver", [{"scope": "marketing_only"}], indirect=True)
async def test_what_a_stop_ends_at_this_shop_a_reviewed_opt_out_ends_too(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    await do(driver, "review", was_opt_out=True)
    assert [claim.scope for claim in await driver.published(ConsentReported)] == ["marketing"]
    assert (await thread(driver))["permission"]["marketing_suppressed"]
    assert not (await thread(driver))["permission"]["suppressed"]


async def test_an_opt_out_reaches_the_former_spelling_of_a_number_too(driver: SenderDriver) -> None:
    mexican = "+525512345678"
    await driver.reply(UNCLEAR, phone=mexican)
    await do(driver, "review", phone=mexican, was_opt_out=True)
    reported = {claim.recipient_id for claim in await driver.published(ConsentReported)}
    assert reported == {person(driver, mexican), person(driver, "+5215512345678")}


async def test_what_was_read_as_an_opt_out_cannot_be_decided_otherwise(driver: SenderDriver) -> None:
    await driver.reply("STOP")
    answer = await do(driver, "review", was_opt_out=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_review")
    assert (await driver.people())[0]["suppressed"] == "opt_out"


@pytest.mark.parametrize("own", ["STOP", "START"])
@pytest.mark.parametrize("was_opt_out", [True, False])
async def test_what_the_person_texts_after_it_decides_before_anybody_else(
    driver: SenderDriver, own: str, *, was_opt_out: bool
) -> None:
    await driver.reply(UNCLEAR, "SM-1")
    driver.clock.advance(seconds=1)
    await driver.reply(own, "SM-2")
    before = await driver.people()
    answer = await do(driver, "review", was_opt_out=was_opt_out)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_review")
    assert await driver.people() == before
    assert await driver.published(ReplyReviewed) == []


async def test_a_decision_sent_twice_counts_once_and_the_opposite_is_refused(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    for _ in range(2):
        assert (await do(driver, "review", was_opt_out=True)).status_code == 200
    assert len(await driver.published(ConsentReported)) == len(await driver.published(ReplyReviewed)) == 1
    assert (await driver.people())[0]["keyword_seq"] == 1
    answer = await do(driver, "review", was_opt_out=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_review")
    assert (await driver.people())[0]["suppressed"] == "opt_out"


async def test_of_two_who_decide_at_once_one_is_refused(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    answers = await asyncio.gather(*(do(driver, "review", was_opt_out=each) for each in (True, False)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [reviewed] = await driver.published(ReplyReviewed)
    assert len(await driver.published(ConsentReported)) == int(reviewed.was_opt_out)


async def test_nobody_decides_about_a_reply_they_have_not_read(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR, "SM-1")
    [held] = await listed(driver)
    driver.clock.advance(seconds=1)
    await driver.reply("no more messages, what is this?", "SM-2")
    answer = await do(driver, "review", was_opt_out=False, seen=held["newest_reply_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "newer_reply")
    assert await driver.published(ReplyReviewed) == []


async def test_one_decision_is_about_all_that_was_unclear_before_it(driver: SenderDriver) -> None:
    for number in range(3):
        driver.clock.advance(seconds=1)
        await driver.reply(UNCLEAR, f"SM-{number}")
    await do(driver, "review", was_opt_out=False)
    assert all(item["review"] for item in (await thread(driver))["items"])
    driver.clock.advance(seconds=1)
    await driver.reply(UNCLEAR, "SM-9")
    newest, *earlier = (await thread(driver))["items"]
    assert (newest["needs_review"], newest["review"]) == (True, None)
    assert not any(item["needs_review"] for item in earlier)
    assert [each["state"] for each in await listed(driver)] == ["needs_review"]


async def test_a_conversation_whose_reply_needs_a_decision_is_not_closed(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    answer = await do(driver, "close")
    assert (answer.status_code, answer.json()["code"]) == (409, "needs_review")
    assert (await do(driver, "read")).json()["state"] == "needs_review"


async def test_what_the_ledger_settles_needs_no_decision_any_more(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    await driver.hear(changed(driver, 1, act=ConsentAct.CONFIRMED))
    assert [each["state"] for each in await listed(driver)] == ["unread"]
    assert not (await thread(driver))["items"][0]["needs_review"]
    answer = await do(driver, "review", was_opt_out=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_review")


async def test_a_reply_that_is_not_committed_leaves_no_conversation_and_a_repeat_counts_once(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(failpoints, "_TRAPS", failpoints._armed("sender.before_reply_commit=raise"))
        with pytest.raises(failpoints.FailpointReached):
            await driver.reply("hello")
    assert await driver.harness.rows(sa.select(conversations)) == []
    await driver.reply("hello")
    await driver.reply("hello")
    assert [each["unread"] for each in await listed(driver)] == [1]


async def test_an_erasure_leaves_neither_texts_nor_a_conversation(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    await driver.reply("what a lovely cup")
    await do(driver, "assign", who="maria")
    await driver.hear(make.event(RecipientErased, recipient_id=person(driver), occurred_at=driver.clock.now()))
    assert [row["text"] for row in await driver.attempts()] == [None]
    assert await listed(driver, state="all") == []
    assert (await driver.http.get(f"{PATH}/{person(driver)}", headers=ALL)).status_code == 404


async def test_texts_and_numbers_go_after_thirteen_months_and_the_rest_after_five_years(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    await driver.reply("hello")
    await do(driver, "assign", who="maria")
    units = driver.harness.runtime.units

    async def sweep() -> None:
        await swept(units, retention.sweeps(driver.clock.now(), SenderSettings()))

    driver.clock.advance(days=395)
    await sweep()
    assert [item["text"] for item in (await thread(driver))["items"]] == ["hello", "Acme: Hello Ana"]
    driver.clock.advance(days=2)
    await sweep()
    found = await thread(driver)
    assert [item["text"] for item in found["items"]] == [None, None]
    assert (found["conversation"]["to"], found["conversation"]["assigned_to"]) == (None, None)
    driver.clock.advance(days=1826)
    await sweep()
    for table in (attempts, replies, conversations):
        assert await driver.harness.rows(sa.select(table)) == []


@only_on_sqlite("PostgreSQL's planner decides by the tables' statistics, and here they are almost empty")
@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (store.INBOX, "ix_sender_conversations_inbox"),
        (store.REPLIES_OF, "ix_sender_replies_of_person"),
        (store.NEWEST_UNDECIDED, "ix_sender_replies_of_person"),
        (store.NEWEST_DECIDED, "ix_sender_replies_of_person"),
        (store.KEYWORDS_SINCE, "ix_sender_replies_of_person"),
        (store.TEXTS_OF, "ix_sender_dispatches_of_person"),
    ],
)
async def test_lists_and_threads_are_read_along_their_index(
    driver: SenderDriver, statement: sa.ClauseElement, index: str
) -> None:
    someone = UUID(int=1)
    values = {"merchant_id": "a", "lowest": 0, "rank": 4, "newest_at": START, "recipient_id": someone}
    plan = await driver.harness.plan(statement, **values, person=someone, at=START, id=someone, most=9)
    assert index in plan
    if statement is store.INBOX:
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan


async def test_numbers_of_an_earlier_version_are_no_longer_kept_and_decisions_still_count(
    driver: SenderDriver,
) -> None:
    await driver.reply(UNCLEAR)
    await driver.harness.runtime.database.write(
        lambda tx: tx.execute(sa.update(conversations).values(contact=None)), WritePriority.BATCHES
    )
    assert [each["to"] for each in await listed(driver)] == [None]
    assert (await do(driver, "review", was_opt_out=True)).status_code == 200
    assert len(await driver.published(ConsentReported)) == 1


async def test_what_is_shown_in_clear_and_decided_is_in_the_audit_log(driver: SenderDriver) -> None:
    await driver.reply(UNCLEAR)
    await listed(driver, READER)
    await thread(driver, READER)
    assert await driver.harness.rows(sa.select(audit_tables.entries)) == []
    await listed(driver)
    driver.clock.advance(seconds=1)
    await thread(driver)
    bodies: list[tuple[str, dict[str, Any]]] = [("review", {"was_opt_out": False})] * 2
    for verb, body in [*bodies, ("assign", {"who": "maria"}), ("close", {})]:
        driver.clock.advance(seconds=1)
        await do(driver, verb, **body)
    entries = await driver.harness.rows(sa.select(audit_tables.entries).order_by(audit_tables.entries.c.id))
    done = [json.loads(bytes(row["canonical"])) for row in entries]
    others = [each for each in done if each["action"] != "conversations.revealed"]
    assert [each["action"] for each in others] == ["reply.reviewed", "conversation.assigned", "conversation.closed"]
    assert {each["recipient"] for each in others} == {str(person(driver))}
    assert [each["counts"] for each in done[:2]] == [{"numbers": 1, "texts": 1}, {"numbers": 1, "texts": 2}]
    assert {each["actor"] for each in done} == {"backend"}
    assert not any("maria" in str(each) or UNCLEAR in str(each) for each in done)
