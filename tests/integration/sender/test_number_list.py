"""How numbers and provider accounts are doing: rate, queue, health, errors of the last day."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.sender import retention
from services.sender.numbers.answer_times import AnswerTimes, answer_times
from services.sender.settings import SenderSettings
from services.sender.tables import number_errors
from shared.db.sweep import swept
from shared.ids import MerchantId
from shared.testing.clock import START
from shared.testing.make_sender import API_KEY, SENDER_NUMBER
from tests.integration.sender.driver import SenderDriver

ALL = {"Authorization": f"Bearer {API_KEY}"}


async def asked(driver: SenderDriver, what: str) -> dict[str, Any]:
    answer = await driver.http.get(f"/v1/{what}", headers=ALL)
    assert answer.status_code == 200, answer.text
    [found] = answer.json()[what]
    return dict(found)


async def sent(driver: SenderDriver, *words: str) -> None:
    """Let texts be called for, each answered as a word says."""
    driver.provider.script.extend(words)
    for number in range(1, len(words) + 1):
        await driver.hear(driver.cleared(number, phone=f"+1212555{122 + number:04}"))
    await driver.send()


async def test_a_number_that_sends_is_as_the_file_says_and_without_errors(driver: SenderDriver) -> None:
    await sent(driver, "accept")
    number = await asked(driver, "numbers")
    assert (number["number"], number["registration"], number["parts_per_second"]) == (SENDER_NUMBER, "registered", 100)
    assert (number["state"], number["queued"], number["errors_24h"]) == ("closed", 0, {})
    provider = await asked(driver, "providers")
    assert (provider["provider"], provider["is_usable"], provider["held_numbers"]) == ("main", True, 0)
    assert provider["answers_in"] == {"calls": 1, "median_seconds": 0.0, "p95_seconds": 0.0}
    driver.clock.advance(hours=25)
    assert (await asked(driver, "providers"))["answers_in"] is None


def test_how_long_a_provider_takes_is_told_by_its_newest_answered_calls_of_a_day() -> None:
    def call(seconds: float, merchant: str = "acme", provider: str = "main", hours: int = 1) -> dict[str, Any]:
        begun = START - timedelta(hours=hours)
        answered = begun + timedelta(seconds=seconds) if seconds >= 0 else None
        return {"merchant_id": merchant, "provider": provider, "intent_at": begun, "accepted_at": answered}

    calls = [call(each / 10) for each in range(1, 21)]
    strange = [call(99, merchant="globex"), call(99, hours=25), call(-1), call(3, provider="second")]
    found = answer_times(calls + strange, MerchantId("acme"), START)
    assert found == {"main": AnswerTimes(20, 1.0, 1.9), "second": AnswerTimes(1, 3.0, 3.0)}
    assert answer_times([], MerchantId("acme"), START) == {}


async def test_errors_are_counted_by_class_once_and_for_a_day(driver: SenderDriver) -> None:
    await sent(driver, "drop", "refuse:21211", "refuse:21211")
    number, provider = await asked(driver, "numbers"), await asked(driver, "providers")
    assert number["errors_24h"] == provider["errors_24h"] == {"invalid": 2, "unanswered": 1}
    await driver.reconcile(minutes=1)
    assert (await asked(driver, "numbers"))["errors_24h"] == number["errors_24h"]
    driver.clock.advance(hours=26)
    assert (await asked(driver, "numbers"))["errors_24h"] == {}
    driver.clock.advance(hours=24)
    await swept(driver.harness.runtime.units, retention.sweeps(driver.clock.now(), SenderSettings()))
    assert await driver.harness.rows(sa.select(number_errors)) == []


async def test_a_halted_number_says_why_and_what_waits_is_counted(driver: SenderDriver) -> None:
    await sent(driver, "refuse:20003", "refuse:20003", "refuse:20003")
    number, provider = await asked(driver, "numbers"), await asked(driver, "providers")
    assert (number["state"], number["reason"]) == ("halted", "20003")
    assert number["tries_again_at"] is not None
    assert (number["queued"], provider["held_numbers"]) == (3, 1)


async def test_it_takes_a_key(driver: SenderDriver) -> None:
    for what in ("numbers", "providers"):
        assert (await driver.http.get(f"/v1/{what}")).status_code == 401
