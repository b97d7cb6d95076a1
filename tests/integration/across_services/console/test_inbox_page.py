"""The inbox: what it shows to whom, and what its forms do in the running application."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import pytest

from services import embedded
from services.sender.providers.provider import Inbound
from services.sender.replies import store as reply_store
from services.sender.replies.intake import ReplyIntake
from services.sender.replies.store import SealedUnassignedReply
from shared import aad
from shared.db.transaction import WritePriority
from shared.ids import MerchantId
from shared.phone import E164
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console import house
from tests.integration.across_services.console.house import open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application in one process has SQLite")
INBOX = "/console/inbox"
UNASSIGNED = f"{INBOX}/unassigned"
ANA, BEA = E164("+12125550121"), E164("+12125550122")
SHOPS = {"acme": "+12025550100", "bolt": "+12025550101"}
UNCLEAR = "cancel my subscription"
DIGEST = b"\x07" * 32


class Person(house.Person):
    """At the inbox, beside the phones of customers."""

    def __init__(self, application: embedded.Application) -> None:
        super().__init__(application)
        self.application = application

    async def hear(self, phone: E164, text: str, shop: str = "acme") -> str:
        """Let somebody write to a shop, and return the id of who it is there."""
        runtime = self.application.runtime
        merchant = runtime.merchants.get(MerchantId(shop))
        assert merchant is not None
        inbound = Inbound(f"SM{uuid4().hex}", phone, SHOPS[shop], text, provider_answered=True)
        await ReplyIntake(runtime.units, runtime.sealer).record(merchant, phone, inbound)
        return str(runtime.sealer.recipient_id(merchant.id, phone))

    async def settle(self) -> None:
        """Let the scheduler read what came in."""
        scheduler = next(each for each in self.application.services if each.name == "scheduler")
        assert scheduler.runner is not None
        while await scheduler.runner.step(linger_seconds=0):
            pass

    async def strand(self, text: str, reply_class: str) -> None:
        """Leave a reply whose sender is no number."""
        runtime = self.application.runtime
        raw = orjson.dumps({"MessageSid": "SM1", "From": "INFO", "To": SHOPS["acme"], "Body": text})
        sealed = runtime.sealer.seal(MerchantId("acme"), aad.unassigned_reply(DIGEST), raw)
        now = runtime.clock.now()
        row = SealedUnassignedReply(
            DIGEST, MerchantId("acme"), "main", "sender_unknown", reply_class, None, sealed, now
        )
        await runtime.units.run(lambda uow: reply_store.insert_unassigned(row, uow), WritePriority.INGEST)

    async def settle_reply(self, verb: str, **form: str) -> httpx2.Response:
        """Send a form about the reply whose sender is no number."""
        form_token = await self.form_token(UNASSIGNED)
        return await self.http.post(f"{UNASSIGNED}/{DIGEST.hex()}/{verb}", data={"form_token": form_token, **form})

    async def talk(self, recipient_id: str, shop: str = "acme") -> dict[str, Any]:
        return dict((await self.read(f"/v1/conversations/{recipient_id}", shop))["conversation"])

    async def do(self, recipient_id: str, verb: str, **form: str) -> httpx2.Response:
        """Send a form of a thread with everything hidden that stands in it."""
        one = f"{INBOX}/{recipient_id}"
        found = re.search(rf'id="{verb}-form">(.*?)</form>', await self.page(one), re.DOTALL)
        assert found is not None, verb
        hidden = dict(re.findall(r'<input name="(\w+)" type="hidden" value="([^"]*)">', found[1]))
        return await self.http.post(f"{one}/{verb}", data={**hidden, **form})


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


async def enter(application: embedded.Application, role: Role, merchant: str = "acme") -> Person:
    person = Person(application)
    await person.enter(role, merchant)
    return person


async def test_an_empty_inbox_says_what_will_stand_there(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    assert "Nobody waits for an answer" in await ana.page(INBOX)
    for show in ("needs_review", "unread", "mine", "closed"):
        assert 'class="empty"' in await ana.page(f"{INBOX}?show={show}")
    assert "Every reply has its person" in await ana.page(f"{INBOX}/unassigned")


async def test_what_a_stranger_writes_is_shown_as_text_with_the_number_masked(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.OWNER)
    who = await ana.hear(ANA, "<script>alert(1)</script>")
    for page in (await ana.page(INBOX), await ana.page(f"{INBOX}/{who}")):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
        assert ANA not in page
        assert "+1212•••0121" in page


async def test_reading_assigning_and_closing_are_done_by_forms_and_only_for_what_was_seen(
    opened: embedded.Application,
) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "Is the blue one back?")
    assert (await ana.http.get(f"{INBOX}/waiting")).json() == {"count": 1}
    assert (await ana.talk(who))["state"] == "unread"
    assert (await ana.do(who, "read")).status_code == 303
    assert (await ana.talk(who))["state"] == "read"
    assert (await ana.http.get(f"{INBOX}/waiting")).json() == {"count": 0}
    assert (await ana.do(who, "assign", who="support-acme")).status_code == 303
    assert "+1212•••0121" in await ana.page(f"{INBOX}?show=mine")
    seen = (await ana.talk(who))["newest_reply_id"]
    await ana.hear(ANA, "Hello?")
    refused = await ana.do(who, "close", seen=seen)
    assert (refused.status_code, "another reply is the newest by now" in refused.text.lower()) == (409, True)
    closed = await ana.do(who, "close", show="mine")
    assert (closed.status_code, closed.headers["location"]) == (303, f"{INBOX}?show=mine")
    assert (await ana.talk(who))["state"] == "closed"


async def test_an_answer_goes_by_who_wrote_and_a_form_sent_twice_sends_once(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "Is the blue one back?")
    await ana.settle()
    assert "you can answer until" in await ana.page(f"{INBOX}/{who}")
    form = {"once": "a" * 32, "wanted": "send", "text": "Yes, {{ since }} this morning"}
    refused = await ana.do(who, "answer", **form)
    assert (refused.status_code, "Yes, {{ since }} this morning</textarea>" in refused.text) == (422, True)
    previewed = await ana.do(who, "answer", text="Yes, since this morning.", wanted="preview")
    assert "acme Coffee: Yes, since this morning." in previewed.text
    assert "Yes, since this morning.</textarea>" in previewed.text
    form["text"] = "Yes, since this morning."
    sent = [await ana.do(who, "answer", **form) for _ in range(2)]
    assert [each.status_code for each in sent] == [303, 303]
    assert sent[0].headers["location"] == sent[1].headers["location"]
    [planned] = (await ana.read("/v1/follow-ups"))["follow_ups"]
    assert planned["purpose"] == "conversation"
    assert "Your answer is on its way" in await ana.page(sent[0].headers["location"])


async def test_a_kept_answer_begins_the_one_that_is_written(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "When do you open?")
    await ana.settle()
    page = "/console/saved-answers"
    assert "No answer is kept yet" in await ana.page(page)
    refused = await ana.send(page, title="<b>Hours</b>", text="{{ trigger.order }}")
    assert (refused.status_code, "{{ trigger.order }}</textarea>" in refused.text) == (422, True)
    assert "Text: unknown name" in refused.text
    for _ in range(2):
        assert (await ana.send(page, title="<b>Hours</b>", text="At 9 <i>sharp</i>.")).status_code == 303
    kept = await ana.page(page)
    assert "<b>Hours" not in kept
    [answer] = (await ana.read("/v1/saved-answers"))["answers"]
    assert "At 9 &lt;i&gt;sharp&lt;/i&gt;.</textarea>" in await ana.page(f"{page}?edit={answer['answer_id']}")
    thread = await ana.page(f"{INBOX}/{who}?saved={answer['answer_id']}")
    assert "At 9 &lt;i&gt;sharp&lt;/i&gt;.</textarea>" in thread
    assert 'data-answer="At 9 &lt;i&gt;sharp&lt;/i&gt;."' in thread
    marketer = await enter(opened, Role.MARKETER)
    assert (await marketer.http.get(page)).status_code == 403
    for status in (303, 303):
        gone = await ana.send(f"{page}/{answer['answer_id']}/remove", seen_on=page)
        assert gone.status_code == status
    assert (await ana.read("/v1/saved-answers"))["answers"] == []


async def test_an_answer_to_a_reply_that_is_not_known_everywhere_yet_keeps_what_was_typed(
    opened: embedded.Application,
) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "Is the blue one back?")
    refused = await ana.do(who, "answer", text='Yes & <b>"no"</b>', wanted="send")
    assert refused.status_code == 409
    assert "send it once more" in refused.text
    assert "Yes &amp; &lt;b&gt;&#34;no&#34;&lt;/b&gt;</textarea>" in refused.text
    await ana.settle()
    assert (await ana.do(who, "answer", text="Yes", wanted="send")).status_code == 303


@pytest.mark.parametrize(("text", "words"), [(" ", "Write an answer first"), ("x" * 1601, "up to 1,600 characters")])
async def test_an_answer_that_cannot_be_is_said_beside_the_box(
    opened: embedded.Application, text: str, words: str
) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "hello")
    refused = await ana.do(who, "answer", text=text, wanted="send")
    assert (refused.status_code, words in refused.text) == (422, True)


async def test_who_opted_out_is_not_answered_and_the_page_says_why(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "STOP")
    page = await ana.page(f"{INBOX}/{who}")
    assert "Only they can lift that" in page
    assert "answer-form" not in page
    form_token = await ana.form_token(f"{INBOX}/{who}")
    refused = await ana.http.post(f"{INBOX}/{who}/answer", data={"form_token": form_token, "text": "Sorry!"})
    assert (refused.status_code, "Sorry!" in refused.text) == (409, True)
    assert await ana.read("/v1/follow-ups") == {"follow_ups": [], "next_cursor": None}


@pytest.mark.parametrize(("meant", "suppressed"), [("opt_out", "opt_out"), ("no_opt_out", None)])
async def test_an_unclear_reply_is_decided_with_a_reason_and_once(
    opened: embedded.Application, meant: str, suppressed: str | None
) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, UNCLEAR)
    page = await ana.page(f"{INBOX}/{who}?show=needs_review")
    assert "Does this person want no more texts?" in page
    assert "close-form" not in page
    assert "Choose what the reply means" in (await ana.do(who, "review", meant="")).text
    assert (await ana.do(who, "review", meant=meant, reason="she said so")).status_code == 303
    thread = await ana.read(f"/v1/conversations/{who}")
    assert (thread["permission"]["suppressed"], thread["permission"]["needs_review"]) == (suppressed, False)
    assert thread["items"][0]["review"]["by"] == "support-acme"
    page = await ana.page(f"{INBOX}/{who}")
    assert "says support-acme" in page
    assert "review-form" not in page
    other = {"form_token": await ana.form_token(f"{INBOX}/{who}"), "meant": "no_opt_out"}
    again = await ana.http.post(f"{INBOX}/{who}/review", data=other)
    assert again.status_code == (409 if meant == "opt_out" else 303)


@pytest.mark.parametrize("role", Role)
async def test_a_role_reads_and_writes_what_its_scopes_say(opened: embedded.Application, role: Role) -> None:
    person = await enter(opened, role)
    who = await person.hear(ANA, "hello")
    reads, writes = "replies:read" in SCOPES_OF[role], "replies:write" in SCOPES_OF[role]
    assert ((await person.http.get("/console")).text.count("/console/inbox") > 0) == reads
    for address in (INBOX, f"{INBOX}/{who}", f"{INBOX}/waiting"):
        assert (await person.http.get(address)).status_code == (200 if reads else 403)
    assert (await person.http.get(f"{INBOX}/unassigned")).status_code == (200 if writes else 403)
    form = {"form_token": await person.form_token(INBOX if reads else "/console"), "who": "eve", "text": "hi"}
    for verb in ("read", "assign", "close", "answer"):
        answer = await person.http.post(f"{INBOX}/{who}/{verb}", data=form)
        assert (answer.status_code == 403) == (not writes), verb


async def test_a_shop_neither_sees_nor_answers_who_wrote_to_another(opened: embedded.Application) -> None:
    ana, bert = await enter(opened, Role.OWNER), await enter(opened, Role.OWNER, "bolt")
    who = await ana.hear(ANA, "a question to acme")
    await ana.settle()
    own = await bert.hear(BEA, "a question to bolt", "bolt")
    assert "a question to acme" not in await bert.page(f"{INBOX}?show=open")
    form = {"form_token": await bert.form_token(f"{INBOX}/{own}"), "who": "eve", "text": "hi", "meant": "opt_out"}
    for stranger in (who, str(uuid4())):
        assert (await bert.http.get(f"{INBOX}/{stranger}")).status_code == 404
        for verb in ("read", "assign", "close", "review", "answer"):
            assert (await bert.http.post(f"{INBOX}/{stranger}/{verb}", data=form)).status_code == 404, verb
    assert (await ana.talk(who))["state"] == "unread"
    assert (await ana.read("/v1/follow-ups"))["follow_ups"] == []


async def test_a_form_of_another_session_changes_nothing(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.OWNER)
    who = await ana.hear(ANA, UNCLEAR)
    form = {"who": "eve", "text": "hi", "meant": "opt_out", "form_token": "0" * 64}
    for verb in ("read", "assign", "close", "review", "answer"):
        assert (await ana.http.post(f"{INBOX}/{who}/{verb}", data=form)).status_code == 409, verb
        assert (await ana.http.post(f"{INBOX}/{who}/{verb}", data={"text": "hi"})).status_code == 403, verb
    assert (await ana.talk(who))["state"] == "needs_review"


@pytest.mark.parametrize(
    "query",
    ["show=everything", "cursor=" + "x" * 65, "cursor=@@@", "before=zzzz", "sent=7", "show=open&sent=" + "0" * 32],
)
async def test_an_address_that_was_made_up_is_answered_with_a_page(opened: embedded.Application, query: str) -> None:
    ana = await enter(opened, Role.SUPPORT)
    who = await ana.hear(ANA, "hello")
    answer = await ana.http.get(f"{INBOX}/{who}?{query}")
    assert answer.status_code in {200, 422}
    assert "<h1" in answer.text


async def test_long_threads_and_lists_are_read_page_by_page(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    for number in range(31):
        await ana.hear(E164(f"+1212555{150 + number:04}"), f"hello from {number}.")
    older = re.search(r'href="(/console/inbox\?show=open&amp;cursor=[^"]+)"', await ana.page(INBOX))
    assert older is not None
    assert "hello from 0." in await ana.page(html.unescape(older[1]))
    for number in range(41):
        who = await ana.hear(ANA, f"line {number}.")
    page = await ana.page(f"{INBOX}/{who}")
    assert "line 0." not in page
    earlier = re.search(r'href="(/console/inbox/[^"]+before=[^"]+)"', page)
    assert earlier is not None
    assert "line 0." in await ana.page(html.unescape(earlier[1]))


async def test_an_unassigned_opt_out_is_deleted_only_on_purpose(
    opened: embedded.Application,
) -> None:
    ana = await enter(opened, Role.SUPPORT)
    await ana.strand("STOP <b>", "opt_out")
    page = await ana.page(UNASSIGNED)
    assert "STOP &lt;b&gt;" in page
    refused = await ana.settle_reply("assign", to="12")
    assert (refused.status_code, 'value="12"' in refused.text) == (422, True)
    kept = await ana.settle_reply("dismiss")
    assert (kept.status_code, len((await ana.read("/v1/replies/unassigned"))["replies"])) == (409, 1)
    done = await ana.settle_reply("dismiss", although="yes")
    assert (done.status_code, (await ana.read("/v1/replies/unassigned"))["replies"]) == (303, [])
    assert (await ana.settle_reply("dismiss")).status_code == 303
