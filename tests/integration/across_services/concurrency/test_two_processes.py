"""Two processes on one database: never over the cap, and never an intent after an acknowledged STOP."""

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.compliance.tables import send_slots
from services.sender import tables
from services.sender.store import READY
from shared.db.transaction import WritePriority
from shared.events.follow_up import FollowUpCleared, FollowUpDeferred, FollowUpDue, Purpose
from shared.testing import make_sender
from shared.testing.limits import BOUNDLESS
from tests.integration.across_services.concurrency.rival import BATCH, rival
from tests.integration.compliance import driver as compliance
from tests.integration.sender.driver import SenderDriver, open_driver

MOST_PARTS_PER_SECOND = 1000
"""Of a sender number."""
RACES = [200, pytest.param(10_000, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])]


def phone(number: int) -> str:
    return f"+1212{2000000 + number:07d}"


@pytest.mark.parametrize("races", RACES)
async def test_two_processes_that_judge_texts_to_the_same_people_never_pass_the_cap(tmp_path: Path, races: int) -> None:
    async with compliance.opened(tmp_path, limits=BOUNDLESS) as driver:

        def due(number: int, who: str) -> FollowUpDue:
            return driver.due(f"{who}-{number}", purpose=Purpose.INFORMATIONAL, phone=phone(number))

        for start in range(0, races, 500):
            people = range(start, min(start + 500, races))
            await driver.hear(*(driver.claim(phone=phone(number)) for number in people))
        mine = [due(number, "ours") for number in range(races)]
        units, router = driver.harness.runtime.units, driver.service.events
        assert router is not None
        async with rival(driver.harness, tmp_path, "judge", [due(number, "theirs") for number in range(races)]):
            for start in range(0, races, BATCH):
                batch = mine[start : start + BATCH]
                await units.run(lambda uow, batch=batch: router.handle(batch, uow), WritePriority.BATCHES)  # type: ignore[misc]  # its own batch
        verdicts = await driver.verdicts()
        assert Counter(type(verdict) for verdict in verdicts) == {FollowUpCleared: races, FollowUpDeferred: races}
        cleared = Counter(verdict.recipient_id for verdict in verdicts if isinstance(verdict, FollowUpCleared))
        assert set(cleared.values()) == {1}
        slots = Counter(row["recipient_id"] for row in await driver.rows(send_slots))
        assert slots == cleared


async def test_two_processes_together_let_no_more_new_people_through_than_the_hour_has_room_for(tmp_path: Path) -> None:
    most, asked = 60, 100
    limits = f"limits: {{new_people_per_hour: {most}, new_people_per_prefix_per_hour: 60000, adjacent_numbers: 101}}"
    async with compliance.opened(tmp_path, limits=limits) as driver:

        def due(number: int) -> FollowUpDue:
            return driver.due(f"to-{number}", purpose=Purpose.INFORMATIONAL, phone=phone(number))

        await driver.hear(*(driver.claim(phone=phone(number)) for number in range(2 * asked)))
        units, router = driver.harness.runtime.units, driver.service.events
        assert router is not None
        async with rival(driver.harness, tmp_path, "judge", [due(number) for number in range(asked, 2 * asked)]):
            for start in range(0, asked, BATCH):
                batch = [due(number) for number in range(start, min(start + BATCH, asked))]
                await units.run(lambda uow, batch=batch: router.handle(batch, uow), WritePriority.BATCHES)  # type: ignore[misc]  # its own batch
        reported = Counter(type(verdict) for verdict in await driver.verdicts())
        assert reported == {FollowUpCleared: most, FollowUpDeferred: 2 * asked - most}


@pytest.mark.parametrize("races", RACES)
async def test_after_an_acknowledged_stop_no_other_process_commits_an_intent(tmp_path: Path, races: int) -> None:
    async with open_driver(tmp_path, rate=min(races // 5, MOST_PARTS_PER_SECOND)) as driver:
        for start in range(0, races, 250):
            numbers = range(start, min(start + 250, races))
            await driver.hear(*(driver.cleared(number, phone=phone(number)) for number in numbers))
        async with rival(driver.harness, tmp_path, "send"):
            before: dict[int, int] = {}
            # From both ends: what is sent first, what is sent last, and where they meet.
            for number in [n for pair in zip(range(races), reversed(range(races)), strict=True) for n in pair][:races]:
                answer = await driver.reply("STOP", f"SM-{number}", phone(number))
                assert answer.status_code == 200
                before[number] = await intents(driver, number)
            while await driver.harness.runtime.database.read(
                lambda db: db.rows(READY, {"now": driver.clock.now(), "partitions": [0]})
            ):
                await driver.reply("hello", "SM-waiting", make_sender.PERSON)
        after = {number: await intents(driver, number) for number in before}
        assert after == before
        assert len(await driver.attempts()) == sum(after.values())
        assert set(before.values()) == {0, 1}, "some were sent before their STOP and some were not"


async def intents(driver: SenderDriver, number: int) -> int:
    """Return how many intents a person has."""
    who = make_sender.recipient_id(driver.sealer, phone(number))
    found = await driver.harness.rows(sa.select(tables.attempts.c.id).where(tables.attempts.c.recipient_id == who))
    return len(found)
