"""A shop's own answers by `POST /v1/follow-ups`: planned where there is a reply to answer, refused with the reason."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from services.scheduler.retention import prune
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import recipients
from shared.config.directory import MerchantDirectory
from shared.events.consent import ConsentChanged, RecipientErased, ScopeSnapshot, SuppressionCause
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.testing import make, make_scheduler
from shared.testing.clock import START
from shared.testing.make_scheduler import OTHER_MERCHANT, PHONE, SENDER_NUMBER
from tests.integration.scheduler.driver import SchedulerDriver

TEXT: dict[str, Any] = {"to": PHONE, "purpose": "conversation", "text": "Yes, the blue one is back."}
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)


def reply(driver: SchedulerDriver, kind: ReplyClass = ReplyClass.OTHER, **changes: Any) -> ReplyReceived:
    at = changes.pop("at", driver.clock.now())
    return make_scheduler.reply(driver.sealer, at, kind, **changes)


def consents(driver: SchedulerDriver, **changes: Any) -> ConsentChanged:
    return make.event(ConsentChanged, recipient_id=make_scheduler.recipient(driver.sealer), epoch=9, **changes)


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_an_answer_is_due_at_once_and_says_which_reply_it_answers_and_until_when(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(reply(driver))
    driver.clock.advance(hours=2)
    answer = await driver.ask(**TEXT)
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    await driver.fire()
    (due,) = await driver.dues()
    assert (due.flow, due.purpose, due.inbound_at, due.expires_at) == ("api", "conversation", START, START + DAY)
    assert due.asked_by == "all"


@pytest.mark.parametrize(("until", "ends"), [(START + HOUR, START + HOUR), (START + 2 * DAY, START + DAY)])
async def test_an_answer_may_end_earlier_and_not_later(
    driver: SchedulerDriver, until: datetime, ends: datetime
) -> None:
    await driver.hear(reply(driver))
    await driver.ask(**TEXT, expires_at=until.isoformat())
    assert [row["expires_at"] for row in await driver.rows()] == [ends]


async def test_an_answer_goes_from_the_number_that_was_written_to_while_the_merchant_has_it(
    driver: SchedulerDriver, tmp_path: Path
) -> None:
    folder = driver.harness.runtime.merchants
    assert isinstance(folder, MerchantDirectory)
    file = tmp_path / "merchants" / "acme" / "merchant.yaml"
    second = '  - {number: "+12025550177", provider: main, kind: long_code, parts_per_second: 100}\n'
    before = file.read_text()
    written_to = []
    for text in (before.replace("api_keys:", f"{second}api_keys:"), before):
        file.write_text(text)
        folder.reload_if_changed()
        for number in ("+12025550177", SENDER_NUMBER):
            driver.clock.advance(seconds=1)
            await driver.hear(reply(driver, sender_number=number))
            assert (await driver.ask(**TEXT)).status_code == 202
            written_to.append((await driver.rows())[-1]["sender_number"])
    assert written_to == ["+12025550177", SENDER_NUMBER, SENDER_NUMBER, SENDER_NUMBER]


def by_id(driver: SchedulerDriver, **changes: Any) -> dict[str, Any]:
    rest = {name: value for name, value in TEXT.items() if name != "to"}
    return {**rest, "recipient_id": str(make_scheduler.recipient(driver.sealer)), **changes}


async def test_an_answer_needs_no_number_of_who_wrote(driver: SchedulerDriver) -> None:
    assert refused(await driver.ask(**by_id(driver))) == (409, "no_recent_inbound")
    await driver.hear(reply(driver))
    answer = await driver.ask(**by_id(driver))
    assert (answer.status_code, PHONE in answer.text) == (202, False)
    await driver.fire()
    (due,) = await driver.dues()
    assert (due.purpose, due.recipient_id) == ("conversation", make_scheduler.recipient(driver.sealer))
    looked = await driver.ask(**by_id(driver, dry_run=True))
    assert TEXT["text"] in looked.json()["texts"][0]["text"]


async def test_another_merchants_person_is_as_one_who_never_wrote(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    answer = await driver.http.post(
        "/v1/follow-ups", json=by_id(driver), headers=driver.headers(merchant=OTHER_MERCHANT)
    )
    assert refused(answer) == (409, "no_recent_inbound")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": PHONE}, "either to (a number) or recipient_id"),
        ({"recipient_id": None}, "either to (a number) or recipient_id"),
        ({"purpose": "marketing"}, "only an answer"),
        ({"recipient": {"state": "FL"}}, "leave out recipient"),
    ],
)
async def test_only_an_answer_is_addressed_by_the_persons_id(
    driver: SchedulerDriver, changes: dict[str, Any], words: str
) -> None:
    await driver.hear(reply(driver))
    answer = await driver.ask(**by_id(driver, **changes))
    assert (answer.status_code, words in answer.text) == (422, True)


async def test_how_a_person_is_reached_is_kept_as_long_as_they_may_be_answered(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    for advanced, kept in ((DAY - HOUR, True), (2 * HOUR, False)):
        driver.clock.advance(seconds=advanced.total_seconds())
        await prune(driver.harness.runtime.units, SchedulerSettings())
        [row] = await driver.harness.rows(sa.select(recipients.c.contact))
        assert (row["contact"] is not None) == kept


@pytest.mark.parametrize("kind", [ReplyClass.OTHER, ReplyClass.HELP, ReplyClass.OPT_IN])
async def test_every_reply_that_is_no_opt_out_may_be_answered(driver: SchedulerDriver, kind: ReplyClass) -> None:
    await driver.hear(reply(driver, kind, provider_answers=True))
    assert (await driver.ask(**TEXT)).status_code == 202


async def test_without_a_reply_there_is_no_answer(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(), reply(driver, phone="+12125550188"))
    answer = await driver.ask(**TEXT)
    assert refused(answer) == (409, "no_recent_inbound")
    assert "ask again" in answer.json()["detail"]
    assert {row["flow"] for row in await driver.rows()} == {"order-thank-you"}


async def test_a_reply_is_answered_until_it_is_a_day_old(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    driver.clock.move_to(START + DAY - timedelta(microseconds=1))
    assert (await driver.ask(**TEXT)).status_code == 202
    driver.clock.move_to(START + DAY)
    answer = await driver.ask(**TEXT)
    assert refused(answer) == (409, "no_recent_inbound")
    assert "2026-12-01 17:00 UTC" in answer.json()["detail"]


async def test_a_stop_ends_the_talk_before_the_ledger_has_heard_of_it(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    await driver.hear(reply(driver, ReplyClass.OPT_OUT, provider_answers=True))
    assert refused(await driver.ask(**TEXT)) == (409, "no_recent_inbound")


@pytest.mark.parametrize(
    "changes",
    [{"suppressed": SuppressionCause.OPT_OUT}, {"informational": ScopeSnapshot(status="revoked", revoked_at=START)}],
    ids=["everything", "service texts"],
)
async def test_who_opted_out_gets_no_answer_and_one_that_waits_is_cancelled(
    driver: SchedulerDriver, changes: dict[str, Any]
) -> None:
    await driver.hear(reply(driver))
    await driver.ask(**TEXT)
    await driver.hear(consents(driver, **changes))
    assert await driver.states() == [("cancelled", "opt_out")]
    answer = await driver.ask(**TEXT)
    assert refused(answer) == (409, "opted_out")
    assert "START" in answer.json()["detail"]


async def test_who_wants_no_offers_still_gets_an_answer(driver: SchedulerDriver) -> None:
    await driver.hear(consents(driver, marketing=ScopeSnapshot(status="revoked", revoked_at=START)))
    await driver.hear(reply(driver))
    assert (await driver.ask(**TEXT)).status_code == 202
    assert await driver.states() == [("pending", None)]


async def test_a_reply_read_twice_late_or_by_a_fast_clock_lasts_no_longer(driver: SchedulerDriver) -> None:
    ahead, old = reply(driver, at=START + 9 * HOUR), reply(driver, at=START - HOUR, sender_number="+12025550198")
    await driver.hear(ahead, ahead)
    await driver.hear(old)
    (person,) = await driver.harness.rows(sa.select(recipients))
    assert (person["replied_at"], person["replied_to"]) == (START, ahead.sender_number)


async def test_an_old_stop_that_arrives_late_does_not_end_a_newer_talk(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    await driver.hear(reply(driver, ReplyClass.OPT_OUT, at=START - HOUR, provider_answers=True))
    assert (await driver.ask(**TEXT)).status_code == 202


async def test_the_same_key_answers_once_even_after_the_reply_is_too_old(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    first = await driver.ask(key="k-1", **TEXT)
    driver.clock.advance(hours=30)
    again = await driver.ask(key="k-1", **TEXT)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(await driver.rows()) == 1


async def test_another_shop_has_no_reply_of_this_person(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    answer = await driver.http.post("/v1/follow-ups", json=TEXT, headers=driver.headers(merchant=OTHER_MERCHANT))
    assert refused(answer) == (409, "no_recent_inbound")


async def test_an_erased_person_is_no_longer_answered_and_nothing_of_the_reply_is_left(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(reply(driver))
    await driver.hear(make.event(RecipientErased, recipient_id=make_scheduler.recipient(driver.sealer)))
    await driver.hear(reply(driver, at=START + HOUR))
    (person,) = await driver.harness.rows(sa.select(recipients))
    assert (person["replied_at"], person["replied_to"]) == (None, None)
    assert refused(await driver.ask(**TEXT)) == (409, "recipient_erased")


async def test_a_dry_run_says_what_the_gate_would_say_and_plans_nothing(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    driver.clock.advance(hours=9, minutes=30)  # half past nine in the evening in New York
    (text,) = (await driver.ask(**TEXT, dry_run=True)).json()["texts"]
    assert text["text"] == "Acme Coffee: Yes, the blue one is back.\nReply STOP to opt out"
    assert (text["gate"]["decision"], text["gate"]["reason"]) == ("defer", "quiet_hours")
    await driver.hear(reply(driver))
    (text,) = (await driver.ask(**TEXT, dry_run=True)).json()["texts"]
    assert (text["gate"]["decision"], text["gate"]["reason"]) == ("send", "ok")
    assert await driver.rows() == []
    driver.clock.advance(hours=24)
    assert refused(await driver.ask(**TEXT, dry_run=True)) == (409, "no_recent_inbound")


@pytest.mark.parametrize("due", [{"due_in": "1h"}, {"due_at": "2026-12-02T12:00:00Z"}])
async def test_an_answer_goes_now_or_is_refused(driver: SchedulerDriver, due: dict[str, Any]) -> None:
    await driver.hear(reply(driver))
    answer = await driver.ask(**TEXT, **due)
    assert answer.status_code == 422
    assert "goes now" in answer.text


async def test_an_answer_is_paused_like_everything_that_a_shop_writes(driver: SchedulerDriver) -> None:
    await driver.hear(reply(driver))
    body = {"action": "pause", "scope": {"merchant": "acme"}, "reason": "a key was stolen"}
    assert (await driver.http.post("/v1/controls", json=body, headers=driver.headers())).status_code == 202
    await driver.ask(**TEXT)
    await driver.fire()
    assert await driver.dues() == []
    assert await driver.states() == [("pending", "texts_paused")]
