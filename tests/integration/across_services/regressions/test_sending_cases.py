"""Small inputs that once failed, about sending and what comes back: receipts, replies, links, what is called off."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from shared.events.consent import SuppressionCause
from shared.events.dispatch import DispatchFailed
from shared.events.engagement import ReplyClass, ReplyReceived
from tests.integration.across_services.regressions.cases import CASES
from tests.integration.across_services.regressions.driver import PERSON, Shop
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("each of these is held on both databases where its cause was; this is the way through")

NEW_YORK = {"country": "US", "state": "NY"}
SOON = {"purpose": "transactional", "text": "Hello", "recipient": NEW_YORK}


@pytest.mark.parametrize("case", ["halt-30032", "halt-30034"])
async def test_a_number_that_may_not_send_is_halted_by_a_receipt_and_its_texts_wait(shop: Shop, case: str) -> None:
    receipt = CASES[case]["input"]["receipt"]
    await shop.allow()
    await shop.ask(**SOON)
    await shop.delivered(status=receipt["MessageStatus"], code=int(receipt["ErrorCode"]))
    await shop.ask(**SOON)
    await shop.later(minutes=1)
    assert len(shop.phone) == 1
    assert {state for state, _ in await shop.states()} <= {"pending", "released"}


async def test_a_text_over_the_daily_cap_is_asked_about_again_after_the_pacific_midnight(shop: Shop) -> None:
    receipt = CASES["daily-cap-30023"]["input"]["receipt"]
    await shop.allow()
    await shop.ask(**SOON)
    await shop.delivered(status=receipt["MessageStatus"], code=int(receipt["ErrorCode"]))
    [failed] = await shop.harness.published(DispatchFailed)
    assert failed.retry_at == datetime(2026, 12, 2, 8, tzinfo=UTC)
    await shop.ask(**SOON)
    assert len(shop.phone) == 1
    await shop.later(hours=24)
    assert len(shop.phone) == 3


@pytest.mark.parametrize("case", ["optouttype-custom-keyword", "optouttype-no", "optouttype-notexts"])
async def test_what_the_provider_takes_for_an_opt_out_is_one(shop: Shop, case: str) -> None:
    [form] = [value for name, value in CASES[case]["input"].items() if name.startswith("POST")]
    await shop.allow()
    await shop.reply(form["Body"], NumMedia="0", OptOutType=form["OptOutType"])
    standing = await shop.standing()
    assert standing["suppressed"] == SuppressionCause.OPT_OUT
    assert {each["status"] for each in standing["consents"].values()} == {"revoked"}
    await shop.ask(**SOON)
    assert shop.phone == []
    assert (await shop.states())[-1] == ("blocked", "opted_out")


async def test_what_the_provider_takes_for_a_call_for_help_is_no_reply_that_counts(shop: Shop) -> None:
    await shop.allow()
    await shop.ask(**SOON)
    await shop.delivered()
    await shop.reply("ASSIST", NumMedia="0", OptOutType="HELP")
    assert [reply.reply_class for reply in await shop.harness.published(ReplyReceived)] == [ReplyClass.HELP]
    assert (await shop.figure("reply_rate"))["value"] == 0


async def test_whoever_comes_right_after_the_receipt_is_no_person(shop: Shop) -> None:
    await shop.allow()
    await shop.ask(**{**SOON, "text": "Look: {{ trigger.u | link }}"}, facts={"u": "https://harbor.example/x"})
    shop.clock.advance(seconds=0.15)
    await shop.delivered()
    shop.clock.advance(seconds=0.35)
    link = shop.phone[-1].split()[3]
    await shop.tap(link, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0 Safari/537.36")
    assert (await shop.figure("click_through_rate"))["value"] == 0
    shop.clock.advance(seconds=3)
    await shop.tap(link)
    assert (await shop.figure("click_through_rate"))["value"] == 1


async def test_a_link_leads_to_the_host_that_was_written(shop: Shop) -> None:
    await shop.allow()
    await shop.ask(**{**SOON, "text": "{{ trigger.u | link }}"}, facts={"u": CASES["idna-sharp-s"]["input"]["link"]})
    [link] = [word for word in shop.phone[-1].split() if "/r/" in word]
    assert await shop.tap(link) == "https://xn--strae-oqa.de/x"


async def test_a_flow_is_not_asked_for_in_the_far_future(shop: Shop) -> None:
    answer = await shop.ask(**CASES["api-flow-2099"]["input"]["POST /v1/follow-ups"])
    assert answer.status_code == 422
    assert shop.phone == []


async def test_a_flow_that_is_asked_for_looks_back_for_what_cancels_it(shop: Shop) -> None:
    await shop.allow()
    before = shop.clock.now() - timedelta(minutes=20)
    await shop.event("purchase", occurred_at=before.isoformat())
    texts = len(shop.phone)
    began = shop.clock.now() - timedelta(minutes=40)
    answer = await shop.ask(flow="cart", trigger={"occurred_at": began.isoformat()}, recipient=NEW_YORK)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_enrolled")
    assert "cancelled_before" in answer.json()["detail"]
    assert len(shop.phone) == texts


async def test_tracking_that_comes_later_reaches_the_flow_that_waits_for_it(shop: Shop) -> None:
    await shop.allow()
    parcel = {
        "id": 7001,
        "order_id": 1001,
        "status": "success",
        "created_at": shop.clock.now().isoformat(),
        "destination": {"phone": PERSON, "country_code": "US", "province_code": "NY"},
    }
    await shop.shopify("fulfillments/create", **parcel, tracking_url=None)
    assert [text for text in shop.phone if "On its way" in text] == []
    url = CASES["tracking-added-later"]["input"]["2 fulfillments/update"]["tracking_url"]
    await shop.shopify("fulfillments/update", **parcel, tracking_url=url, tracking_number="1")
    [text] = [text for text in shop.phone if "On its way" in text]
    assert await shop.tap(text.split("On its way: ")[1].split()[0]) == url


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_gate_reads_a_file_that_begins_with_a_mark_of_byte_order(tmp_path: Path, encoding: str) -> None:
    assert "BOM" in CASES["gate-bom"]["input"]["followup gate FILE"]
    question = {"to": PERSON, "class": "marketing", "now": "2026-12-01T17:00:00Z", "consent": {"status": "pewc"}}
    file = tmp_path / "questions.jsonl"
    file.write_text(f"{json.dumps(question)}\n{json.dumps(question)}\n", encoding=encoding)
    result = CliRunner().invoke(app, ["gate", str(file)])
    assert result.exit_code == 0, result.output
    assert ["decision" in json.loads(line) for line in result.stdout.splitlines()] == [True, True]
    piped = CliRunner().invoke(app, ["gate", "-"], input=file.read_bytes())
    assert piped.stdout == result.stdout
