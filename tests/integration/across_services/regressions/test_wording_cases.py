"""Small inputs that once failed, about the words of texts: looked at on the phone, or where they are refused."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.across_services.regressions.cases import CASES, asked_in
from tests.integration.across_services.regressions.driver import PERSON, Shop, opened
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("what a text says is no matter of the database")

NEW_YORK = {"country": "US", "state": "NY"}


async def refused(shop: Shop, **body: Any) -> str:
    """Return why a text is refused, and see that nothing comes of it, dry or not."""
    body = {"purpose": "transactional", "recipient": NEW_YORK} | body
    dry = await shop.ask(**body, dry_run=True)
    answer = await shop.ask(**body)
    assert (dry.status_code, answer.status_code) == (422, 422), (dry.text, answer.text)
    assert shop.phone == []
    return str(answer.json()["errors"][0]["reason"])


async def on_the_phone(shop: Shop, text: str, **body: Any) -> str:
    """Return a text as it arrives, without the brand and the way out of a first text."""
    recipient = NEW_YORK | body.pop("recipient", {})
    answer = await shop.ask(purpose="transactional", text=text, recipient=recipient, **body)
    assert answer.status_code == 202, answer.text
    return shop.phone[-1].removeprefix("Harbor Books: ").removesuffix("\nReply STOP to opt out")


async def test_a_text_of_14_parts_is_refused_at_once(shop: Shop) -> None:
    assert CASES["accepts-what-must-fail-long"]["expected"].endswith("14 parts")
    assert re.search(r"\b14 parts\b.*\b10\b", await refused(shop, text="{{ trigger.x }}", facts={"x": "A" * 2000}))


async def test_a_bare_time_has_no_date_and_is_refused(shop: Shop) -> None:
    assert await refused(shop, text=CASES["date-bare-time"]["input"]["text"])


async def test_a_date_is_written_on_the_recipients_clock(tmp_path: Path) -> None:
    at = CASES["date-occurred-at"]["input"]["at"]
    async with opened(tmp_path, datetime.fromisoformat(at)) as shop:
        await shop.allow()
        pacific = {"time_zone": "America/Los_Angeles", "state": "CA"}
        starts = {"starts_at": "2026-12-05T03:30:00Z"}
        await shop.event("custom.dates", occurred_at=at, recipient=pacific, facts=starts)
        [text] = shop.phone
        assert "occ Nov 29 18:05 now Nov 29 18:05 starts Dec 04 19:30" in text


async def test_a_dry_run_counts_the_parts_that_are_sent(shop: Shop) -> None:
    await shop.allow()
    body = {"purpose": "marketing", "text": "Hi {{ recipient.first_name }}, 20% off today"}
    recipient = {**NEW_YORK, "first_name": "éva"}
    dry = (await shop.ask(**body, recipient=recipient, dry_run=True)).json()
    await shop.ask(**body, recipient=recipient)
    [shown] = dry["texts"]
    assert shop.phone == [shown["text"]]
    assert (shown["parts"]["encoding"], shown["parts"]["parts"]) == ("gsm7", 1)
    assert shown["text"].startswith("Harbor Books: Hi éva")
    assert shown["text"].endswith("Reply STOP to opt out")


async def test_a_list_of_objects_is_refused(shop: Shop) -> None:
    case = CASES["list-of-objects"]["input"]
    assert await refused(shop, **case)


async def test_a_shops_own_amount_and_currency_count(shop: Shop) -> None:
    await shop.allow()
    case = CASES["missing-amount-filter"]["input"]
    assert await on_the_phone(shop, case["text"], facts=case["facts"]) == "Total 49 USD"


async def test_no_text_greets_by_an_empty_name(shop: Shop) -> None:
    await shop.allow()
    assert await on_the_phone(shop, CASES["missing-blank-idiom"]["input"]["text"]) == ", ok"


async def test_half_a_sentence_is_not_sent(shop: Shop) -> None:
    await shop.allow()
    await shop.event("custom.hello")
    assert shop.phone == []
    assert await shop.states() == [("failed", "render_failed")]


async def test_what_was_never_bought_has_no_date(shop: Shop) -> None:
    assert await refused(shop, text=CASES["missing-last-order"]["input"]["text"])


async def test_minor_units_are_written_as_money(shop: Shop) -> None:
    await shop.allow()
    text = await on_the_phone(
        shop, CASES["money-filter"]["input"]["text"], facts={"amount_minor": 4900, "currency": "USD"}
    )
    assert text == "Paid $49.00"


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("name-newline", "Hi , sale"),
        ("name-url", "Hi , sale"),
        ("name-zwsp", "Hi Ana, sale"),
    ],
)
async def test_what_is_no_name_is_not_written(shop: Shop, case: str, text: str) -> None:
    await shop.allow()
    name = CASES[case]["input"]["recipient"]["first_name"]
    template = "Hi {{ recipient.first_name | default: '' }}, sale"
    assert await on_the_phone(shop, template, recipient={"first_name": name}) == text
    assert shop.phone[-1].isascii()


@pytest.mark.parametrize("case", asked_in("marketing text without a way out"))
async def test_marketing_has_a_way_out(shop: Shop, case: str) -> None:
    await shop.allow()
    body = CASES[case]["input"]["POST /v1/follow-ups"]
    answer = await shop.ask(**{**body, "to": PERSON})
    assert answer.status_code == 202, answer.text
    [text] = shop.phone
    assert text.endswith("Reply STOP to opt out")
