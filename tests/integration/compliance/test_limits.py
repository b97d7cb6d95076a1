"""Texts to new people, neighbouring numbers and a day's spending, through the service: who waits, and what ends it."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.compliance import retention, tables
from services.compliance.gate.records import recompute
from services.compliance.settings import ComplianceSettings
from shared.db.sweep import swept
from shared.events.dispatch import DispatchAccepted, DispatchUnknown
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import FollowUpDeferred, Purpose
from shared.rule_files.loader import load_rules
from shared.testing import make_compliance
from shared.testing.clock import START
from tests.integration.compliance.driver import ComplianceDriver, Verdict, only, opened

FEW = "limits: {new_people_per_hour: 4, new_people_per_prefix_per_hour: 2, adjacent_numbers: 101}"
CHEAP = 'limits: {spend: {per_day: "0.02", hard_per_day: "0.03", estimate_per_part: "0.01"}, adjacent_numbers: 101}'
HOUR = timedelta(hours=1)
AREAS = (205, 207, 209, 210, 212, 213, 214, 215)


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[ComplianceDriver]:
    async with opened(tmp_path, limits=FEW) as driver:
        yield driver


@pytest.fixture
async def poor(tmp_path: Path) -> AsyncIterator[ComplianceDriver]:
    async with opened(tmp_path, limits=CHEAP) as driver:
        yield driver


def stranger(number: int) -> str:
    """Return a number far from every other stranger's."""
    return f"+1{AREAS[number % len(AREAS)]}{222 + number}4567"


async def ask(driver: ComplianceDriver, *phones: str, release: int = 1, **changes: Any) -> list[Verdict]:
    """Have permission from these people, and ask for a text to each."""
    changes = {"purpose": Purpose.TRANSACTIONAL, "first_due_at": driver.clock.now()} | changes
    claims = [driver.claim(phone=phone, captured_at=None, occurred_at=driver.clock.now()) for phone in phones]
    if release == 1:
        await driver.hear(*claims)
    dues = [driver.due(f"to-{phone}", phone=phone, release=release, **changes) for phone in phones]
    return await driver.judged(*dues)


def reasons(verdicts: list[Verdict]) -> Counter[str]:
    return Counter(reason for _, reason in only(*verdicts))


async def test_numbers_one_after_the_other_are_held_and_reported(driver: ComplianceDriver) -> None:
    pumped = [f"+1212222{number:04d}" for number in range(120)]
    seen = await ask(driver, *pumped)
    assert reasons(seen) == {"ok": 19, "adjacent_numbers": 101}
    waiting = next(each for each in seen if isinstance(each, FollowUpDeferred))
    assert "neighbouring numbers" in (waiting.explanation or "")
    assert reasons(await ask(driver, stranger(1))) == {"adjacent_numbers": 1}
    async with driver.http() as http:
        held = (await http.get("/v1/holds")).json()["neighbouring_numbers"]
        assert held["held_since"] == "2026-12-01T17:00:00Z"
        assert "new people are held: acme" in (await driver.service.concerns() or "")
        assert (await http.post("/v1/holds/release")).status_code == 200
        assert (await http.post("/v1/holds/release")).json()["code"] == "nothing_held"
    driver.clock.advance(minutes=30)
    assert await driver.service.concerns() is None
    assert reasons(await ask(driver, *pumped[19:30], release=2)) == {"ok": 11}


async def test_a_hold_is_for_new_people_alone(driver: ComplianceDriver) -> None:
    await ask(driver, stranger(1))
    await driver.hear(driver.about(DispatchAccepted, f"to-{stranger(1)}", recipient_id=driver.person(stranger(1))))
    await ask(driver, *(f"+1212222{number:04d}" for number in range(25)))
    assert reasons(await ask(driver, stranger(2))) == {"adjacent_numbers": 1}
    assert only(await driver.verdict("again", phone=stranger(1), purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]


async def test_an_hours_new_people_go_and_the_others_wait_for_the_hours_after(strict: ComplianceDriver) -> None:
    seen = await ask(strict, *(stranger(number) for number in range(10)))
    assert [getattr(each, "until", None) for each in seen] == [None] * 4 + [START + HOUR] * 4 + [START + 2 * HOUR] * 2
    assert reasons(seen) == {"ok": 4, "new_people_limit": 6}
    strict.clock.move_to(START + HOUR)
    assert reasons(await ask(strict, *(stranger(number) for number in range(4, 8)), release=2)) == {"ok": 4}


async def test_a_blocks_new_people_are_few_whatever_the_hour_has_room_for(strict: ComplianceDriver) -> None:
    seen = await ask(strict, *(f"+1212222{number}" for number in (1111, 3333, 5555)))
    assert reasons(seen) == {"ok": 2, "new_people_limit": 1}


async def test_a_key_has_a_part_of_the_hour(tmp_path: Path) -> None:
    limits = "limits: {new_people_per_hour: 9, new_people_per_key_per_hour: 2, adjacent_numbers: 101}"
    async with opened(tmp_path, limits=limits) as driver:
        stolen = await ask(driver, *(stranger(number) for number in range(4)), asked_by="form")
        assert reasons(stolen) == {"ok": 2, "new_people_limit": 2}
        assert reasons(await ask(driver, stranger(5), asked_by="till")) == {"ok": 1}
        assert reasons(await ask(driver, stranger(6))) == {"ok": 1}
        async with driver.http() as http:
            assert (await http.get("/v1/holds")).json()["new_people"]["by_key"] == {"form": 4, "till": 1}


@pytest.mark.parametrize("purpose", [Purpose.TRANSACTIONAL, Purpose.MARKETING])
async def test_every_purpose_counts(strict: ComplianceDriver, purpose: Purpose) -> None:
    seen = await ask(strict, *(stranger(number) for number in range(5)), purpose=purpose)
    assert reasons(seen) == {"ok": 4, "new_people_limit": 1}


async def test_people_in_the_ledger_since_yesterday_are_not_new(strict: ComplianceDriver) -> None:
    people = [stranger(number) for number in range(9)]
    await strict.hear(*(strict.claim(phone=phone) for phone in people))
    strict.clock.advance(hours=25)
    assert reasons(await ask(strict, *people, release=2)) == {"ok": 9}


async def test_people_who_wrote_are_not_new(strict: ComplianceDriver) -> None:
    people = [stranger(number) for number in range(9)]
    await strict.hear(*(strict.about(ReplyReceived, recipient_id=strict.person(phone)) for phone in people))
    assert reasons(await ask(strict, *people)) == {"ok": 9}


async def test_answers_to_people_go_whatever_is_held(strict: ComplianceDriver) -> None:
    await ask(strict, *(stranger(number) for number in range(9)))
    asked = {"purpose": Purpose.HELP, "inbound_at": strict.clock.now()}
    assert only(await strict.verdict("help", phone=stranger(20), **asked)) == [("cleared", "ok")]


async def test_a_verdict_on_a_bound_is_given_again_from_its_record(strict: ComplianceDriver) -> None:
    await ask(strict, *(stranger(number) for number in range(6)))
    records = [each for each in await strict.records() if each.inputs.recipient.limit is not None]
    assert len(records) == 2
    assert all(recompute(each, load_rules()) == each.verdict for each in records)


async def test_a_text_that_would_wait_beyond_its_end_is_refused_and_says_why(strict: ComplianceDriver) -> None:
    await ask(strict, *(stranger(number) for number in range(4)))
    (last,) = await ask(strict, stranger(5), expires_at=START + timedelta(minutes=20))
    assert only(last) == [("blocked", "message_expired")]
    assert "first text" in (getattr(last, "explanation", "") or "")


async def test_one_merchants_flood_is_not_anothers(tmp_path: Path) -> None:
    async with opened(tmp_path, "acme", "beta", limits=FEW) as driver:
        await ask(driver, *(stranger(number) for number in range(9)))
        other = make_compliance.MERCHANT.replace("acme", "beta")
        who = make_compliance.recipient(driver.sealer, stranger(1), other)
        await driver.hear(driver.claim(phone=stranger(1), merchant_id=other))
        seen = await driver.judged(
            driver.due("beta's", phone=stranger(1), merchant_id=other, recipient_id=who, purpose=Purpose.TRANSACTIONAL)
        )
        assert reasons(seen) == {"ok": 1}


def accepted(driver: ComplianceDriver, name: str, **price: Any) -> DispatchAccepted:
    return driver.about(DispatchAccepted, name, recipient_id=driver.person(stranger(1)), **price)


async def test_marketing_waits_for_tomorrow_once_the_day_has_cost_enough_and_nothing_goes_at_the_hard_limit(
    poor: ComplianceDriver,
) -> None:
    paid = {"price_micros": 7_900, "price_minor": None, "currency": "USD", "parts": 1}
    await poor.hear(*(accepted(poor, f"paid-{number}", **paid) for number in range(2)))
    assert reasons(await ask(poor, stranger(2), purpose=Purpose.MARKETING)) == {"ok": 1}
    await poor.hear(accepted(poor, "dear", **paid))
    midnight = START.replace(hour=0) + timedelta(days=1)
    (later,) = await ask(poor, stranger(3), purpose=Purpose.MARKETING)
    assert only(later) == [("deferred", "spend_limit")]
    assert isinstance(later, FollowUpDeferred)
    assert later.until >= midnight
    assert reasons(await ask(poor, stranger(4))) == {"ok": 1}
    await poor.hear(poor.about(DispatchUnknown, "unknown"))
    (last,) = await ask(poor, stranger(5))
    assert (only(last), getattr(last, "until", None)) == ([("deferred", "spend_limit")], midnight)
    async with poor.http() as http:
        assert (await http.get("/v1/holds")).json()["spend"]["today"] == "0.033700"
    poor.clock.move_to(midnight)
    assert reasons(await ask(poor, stranger(5), release=2)) == {"ok": 1}


async def test_a_days_spending_is_swept_and_a_merchants_counts_stay_one_row(poor: ComplianceDriver) -> None:
    for day in range(6):
        await poor.hear(accepted(poor, f"day-{day}", price_micros=1, currency="USD"))
        await ask(poor, stranger(day))
        poor.clock.advance(days=1)
    assert len(await poor.rows(tables.spending)) == 6
    units = poor.service.units
    await swept(units, retention.sweeps(poor.clock.now(), ComplianceSettings()))
    assert len(await poor.rows(tables.spending)) == 2
    assert len(await poor.rows(tables.newcomers)) == 1


async def test_nothing_that_is_kept_names_a_number(driver: ComplianceDriver) -> None:
    await ask(driver, *(f"+1212222{number:04d}" for number in range(10)))
    (row,) = await driver.harness.rows(sa.select(tables.newcomers))
    assert "2122" not in str(row["recent"])
    assert len(row["recent"]) == 10
