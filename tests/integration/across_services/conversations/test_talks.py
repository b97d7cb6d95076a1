"""A talk between a person and a shop, through all services: from the phone, to the phone, and ended by STOP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.across_services.regressions.driver import Shop, opened

NIGHT = datetime(2026, 12, 2, 4, 0, tzinfo=UTC)
"""Eleven at night in New York."""
ANSWER: dict[str, Any] = {"purpose": "conversation", "text": "Yes, since this morning."}


async def answered(shop: Shop) -> tuple[int, str]:
    answer = await shop.ask(**ANSWER)
    body = answer.json()
    return answer.status_code, body.get("code") or body["state"]


async def test_a_question_at_night_is_answered_at_once_and_after_a_quarter_of_an_hour_in_the_morning(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, NIGHT) as shop:
        await shop.reply("Is the blue one back?")
        assert await answered(shop) == (202, "pending")
        assert shop.phone == ["Harbor Books: Yes, since this morning.\nReply STOP to opt out"]
        await shop.later(minutes=15)
        assert await answered(shop) == (202, "pending")
        assert len(shop.phone) == 1
        await shop.later(hours=8, minutes=44)
        assert len(shop.phone) == 1
        await shop.later(minutes=2)
        assert shop.phone[1:] == ["Harbor Books: Yes, since this morning."]


async def test_stop_ends_the_talk_for_what_waits_and_for_what_is_asked_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path, NIGHT) as shop:
        await shop.reply("Is the blue one back?")
        await shop.later(minutes=20)
        assert await answered(shop) == (202, "pending")
        await shop.reply("STOP")
        assert (await answered(shop))[0] == 409
        await shop.later(hours=10)
        assert not any("since this morning" in text for text in shop.phone)
        assert {row["state"] for row in await shop.texts() if row["purpose"] == "conversation"} == {"cancelled"}


async def test_who_never_wrote_gets_no_answer_even_with_every_consent(tmp_path: Path) -> None:
    async with opened(tmp_path) as shop:
        await shop.allow()
        assert await answered(shop) == (409, "no_recent_inbound")
        await shop.reply("Is the blue one back?")
        assert await answered(shop) == (202, "pending")
        shop.clock.advance(seconds=timedelta(hours=24).total_seconds())
        assert await answered(shop) == (409, "no_recent_inbound")
        assert len(shop.phone) == 1
