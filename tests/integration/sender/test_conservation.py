"""Every callback of a provider is stored, refused, or set aside with an alarm; none is lost."""

import asyncio
import json
import random
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import httpx2
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.sender import tables
from services.sender.instruments import MISDIRECTED
from services.sender.providers.twilio import address_of
from shared import aad
from shared.db.transaction import Row
from shared.events.consent import ConsentAct, ConsentReported
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.ids import MerchantId
from shared.phone import Unparsable, parse_sender
from shared.testing import make, make_sender
from tests.integration.sender.driver import SenderDriver, alarms, open_driver
from tests.seeds import SEED

Open: TypeAlias = tuple[asyncio.Runner, SenderDriver, set[object]]
"""An event loop, a driver, and what was posted to it."""

PERSON, OURS = make_sender.PERSON, make_sender.SENDER_NUMBER
SENDERS = [
    *(PERSON, f"rcs:{PERSON}", f"whatsapp:{PERSON}", f"RCS: {PERSON}", "+12125550177", " +12125550178 "),
    *("tel:+12125550179", "messenger:1042", "rcs:person@example", "", " ", "72345", "AMAZON", "anonymous", "+1", "+"),
    *("sip:ana@example.com", "+5215512345678", "whatsapp:+5215512345678", "+999999999999999", "+99999999999999999"),
    *("\u202e+12125550123", "::"),
]
TARGETS = [OURS, f"whatsapp:{OURS}", "rcs:acme_agent", "messenger:77", "", "+12025550199", "72345", "rcs:+12025550199"]
TEXTS = ["STOP", "hello", "", "yes", "stop " * 400, "\U0001f600", "ST\0OP", "x" * 5_000, "help"]
NAMES = ["MessageSid", "SmsSid", "From", "To", "Body", "OptOutType", "NumMedia", "MessageStatus", "MessagingServiceSid"]
FORMS_IN_A_BATCH = 25
TORTURE_PARTS, TORTURE_FORMS = 50, 1_000
"""For each of the two databases: the number of applications, and of forms in each."""

forms = st.fixed_dictionaries(
    {},
    optional={
        "MessageSid": st.sampled_from(["SM1", "SM2", "SM3", ""]),
        "SmsSid": st.sampled_from(["SM1", ""]),
        "From": st.one_of(st.sampled_from(SENDERS), st.text(st.characters(codec="utf-8"), max_size=20)),
        "To": st.one_of(st.sampled_from(TARGETS), st.text(st.characters(codec="utf-8"), max_size=20)),
        "Body": st.one_of(st.sampled_from(TEXTS), st.text(st.characters(codec="utf-8"), max_size=60)),
        "OptOutType": st.sampled_from(["STOP", "start", "HELP", "", "OTHER"]),
        "NumMedia": st.just("0"),
    },
)


@pytest.fixture
def harness(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """A driver that stays open for all examples."""
    with asyncio.Runner() as runner:
        opened = open_driver(tmp_path_factory.mktemp(f"driver-{engine}"))
        driver = runner.run(opened.__aenter__())
        yield runner, driver, set()
        runner.run(opened.__aexit__(None, None, None))


@given(st.lists(forms, min_size=1, max_size=FORMS_IN_A_BATCH))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_signed_reply_is_stored_refused_or_set_aside(harness: Open, batch: list[dict[str, str]]) -> None:
    runner, driver, seen = harness
    runner.run(_conserved(driver, batch, seen))


@pytest.mark.torture
@pytest.mark.parametrize("part", range(TORTURE_PARTS))
def test_a_hundred_thousand_signed_replies_are_each_stored_refused_or_set_aside(harness: Open, part: int) -> None:
    runner, driver, seen = harness
    chance = random.Random(3 + SEED * TORTURE_PARTS + part)  # noqa: S311 - no secret
    values = {"From": SENDERS, "To": TARGETS, "Body": TEXTS, "OptOutType": ["STOP", "START", "HELP", "x"]}
    for start in range(0, TORTURE_FORMS, FORMS_IN_A_BATCH):
        batch = []
        for number in range(FORMS_IN_A_BATCH):
            form = {name: chance.choice(values.get(name, ["", "1"])) for name in NAMES if chance.random() < 0.8}
            batch.append({**form, "MessageSid": f"SM{start + chance.randint(0, number)}"})
        runner.run(_conserved(driver, batch, seen))


async def _conserved(driver: SenderDriver, batch: list[dict[str, str]], seen: set[object]) -> None:
    for form in batch:
        before = await _kept(driver)
        status = (await _post(driver, form)).status_code
        new = await _kept(driver) - before
        assert status in {200, 422}, form
        assert new == 1 or (new == 0 and seen & _marks(form)), form
        seen |= _marks(form)
        assert (await _post(driver, form)).status_code == status, form
        assert await _kept(driver) == before + new, "what is delivered twice is stored once"


def _marks(form: Mapping[str, str]) -> set[object]:
    """Return by what a form is known again: all of it, or the text that one person sent under one id."""
    clean = {name: value.replace("\0", "") for name, value in form.items()}
    sid = clean.get("MessageSid") or clean.get("SmsSid")
    name = address_of(clean.get("From", "")).name
    number = parse_sender(name, "US")
    person = name if isinstance(number, Unparsable) else number
    return {tuple(sorted(clean.items())), ("text", sid, person, clean.get("Body", ""))}


async def _post(driver: SenderDriver, form: Mapping[str, str]) -> httpx2.Response:
    return await driver.http.post(**make_sender.signed_post(make_sender.replies_url(), form))


async def _kept(driver: SenderDriver) -> int:
    tables_of_replies = (tables.replies, tables.unassigned_replies)
    counts = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in tables_of_replies]
    (row,) = await driver.harness.rows(sa.select((counts[0] + counts[1]).label("kept")))
    return int(row["kept"])


async def _strays(driver: SenderDriver) -> list[Row]:
    return list(await driver.harness.rows(sa.select(tables.unassigned_replies)))


def _form(**changes: str) -> dict[str, str]:
    return {"MessageSid": "SM-in-1", "From": PERSON, "To": OURS, "Body": "STOP", **changes}


@pytest.mark.parametrize("channel", ["rcs", "whatsapp", "WhatsApp", "viber"])
async def test_a_stop_through_any_channel_of_a_number_is_heard(driver: SenderDriver, channel: str) -> None:
    answer = await _post(driver, _form(From=f"{channel}:{PERSON}", To=f"{channel}:{OURS}"))
    assert answer.status_code == 200
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
    assert [row["channel"] for row in await driver.replies()] == [channel.lower()]


async def test_a_stop_to_an_rcs_sender_is_heard_and_answered_from_the_merchants_number(driver: SenderDriver) -> None:
    await _post(driver, _form(From=f"rcs:{PERSON}", To="rcs:acme_agent"))
    (parse_sender,) = await driver.published(ReplyReceived)
    assert (parse_sender.reply_class, parse_sender.sender_number) == (ReplyClass.OPT_OUT, OURS)


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("messenger:1042", "sender_unknown"),
        ("72345", "sender_unknown"),
        ("AMAZON", "sender_unknown"),
        ("", "incomplete"),
    ],
)
async def test_a_reply_from_an_unknown_sender_is_kept_sealed_and_raises_an_alarm(
    driver: SenderDriver, sender: str, reason: str
) -> None:
    before = alarms("unassigned_reply")
    answer = await _post(driver, _form(From=sender, Body="Stop. Kind regards, Ana"))
    assert answer.status_code == 200
    (stray,) = await _strays(driver)
    assert (stray["reason"], stray["reply_class"]) == (reason, "opt_out")
    place = aad.unassigned_reply(stray["digest"])
    opened = json.loads(driver.sealer.open(MerchantId(make.MERCHANT), place, stray["raw"]))
    assert opened["Body"] == "Stop. Kind regards, Ana"
    assert b"regards, Ana" not in await driver.harness.stored()
    assert alarms("unassigned_reply") == before + 1


async def test_a_reply_to_a_number_that_this_provider_does_not_have_is_refused_counted_and_kept(
    driver: SenderDriver,
) -> None:
    before = MISDIRECTED.labels("replies")._value.get()
    answer = await _post(driver, _form(To="+12025550199"))
    assert (answer.status_code, answer.json()["code"]) == (422, "not_ours")
    assert MISDIRECTED.labels("replies")._value.get() == before + 1
    assert await driver.people() == []
    assert [row["reason"] for row in await _strays(driver)] == ["not_our_number"]


async def test_a_start_to_a_number_of_another_provider_lifts_nothing(driver: SenderDriver) -> None:
    await driver.reply("STOP")
    answer = await _post(driver, _form(MessageSid="SM-in-2", To="+12025550199", Body="START"))
    assert answer.status_code == 422
    assert [report.act for report in await driver.published(ConsentReported)] == [ConsentAct.REVOKED]


@pytest.mark.parametrize(
    ("form", "status"),
    [({"MessageStatus": "delivered", "From": OURS}, 422), ({"MessageSid": "SM1", "From": "+12025550199"}, 422)],
)
async def test_a_receipt_about_nothing_of_ours_is_refused_and_counted(
    driver: SenderDriver, form: dict[str, str], status: int
) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    before = MISDIRECTED.labels("receipts")._value.get()
    answer = await driver.http.post(**make_sender.signed_post(driver.provider.texts[0].callback_url, form))
    assert answer.status_code == status
    assert MISDIRECTED.labels("receipts")._value.get() == before + 1
    assert await driver.receipts() == []


async def test_another_text_under_a_known_id_is_taken_and_raises_an_alarm(driver: SenderDriver) -> None:
    await driver.reply("Hello", sid="SM-1")
    before = alarms("reply_id_reused")
    await driver.reply("STOP", sid="SM-1")
    await driver.reply("STOP", sid="SM-1")
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
    assert len(await driver.replies()) == 2
    assert alarms("reply_id_reused") > before


@pytest.mark.parametrize("words", ["ADIOS", "OUT", "SALIR", "salida", "NO", "NOTEXTS", "Bye now"])
@pytest.mark.parametrize("kind", ["STOP", "stop"])
async def test_what_the_provider_takes_for_a_stop_is_one_and_is_confirmed_by_it_alone(
    driver: SenderDriver, words: str, kind: str
) -> None:
    await _post(driver, _form(Body=words, OptOutType=kind))
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
    (report,) = await driver.published(ConsentReported)
    assert report.act is ConsentAct.REVOKED
    (parse_sender,) = await driver.published(ReplyReceived)
    assert (parse_sender.reply_class, parse_sender.provider_answers) == (ReplyClass.OPT_OUT, True)


async def test_what_the_provider_takes_for_a_call_for_help_is_one(driver: SenderDriver) -> None:
    await _post(driver, _form(Body="ASSIST", OptOutType="HELP"))
    (parse_sender,) = await driver.published(ReplyReceived)
    assert (parse_sender.reply_class, parse_sender.provider_answers) == (ReplyClass.HELP, True)


async def test_the_providers_start_counts_only_from_a_person_who_is_opted_out(driver: SenderDriver) -> None:
    await _post(driver, _form(Body="VUELVE", OptOutType="START"))
    await driver.reply("STOP", sid="SM-in-2")
    await _post(driver, _form(MessageSid="SM-in-3", Body="VUELVE", OptOutType="START"))
    await _post(driver, _form(MessageSid="SM-in-4", Body="stop it", OptOutType="START"))
    assert [each.reply_class for each in await driver.published(ReplyReceived)] == [
        ReplyClass.OTHER,
        ReplyClass.OPT_OUT,
        ReplyClass.OPT_IN,
        ReplyClass.OPT_OUT,
    ]


async def test_a_stop_reaches_every_spelling_of_a_number(driver: SenderDriver) -> None:
    await _post(driver, _form(From="whatsapp:+5215512345678"))
    reports = await driver.published(ConsentReported)
    people = [make_sender.recipient_id(driver.sealer, number) for number in ("+525512345678", "+5215512345678")]
    assert [(each.recipient_id, each.act) for each in reports] == [(one, ConsentAct.REVOKED) for one in people]
    assert len({each.event_id for each in reports}) == 2
