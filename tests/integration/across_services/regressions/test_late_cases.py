"""Small inputs that once failed, about texts that are late: their distance, and what is not worth catching up."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from tests.integration.across_services.regressions.cases import CASES
from tests.integration.across_services.regressions.driver import Shop, opened
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the distance between texts is no matter of the database")


async def sent_at(shop: Shop, steps: int, **step: float) -> list[datetime]:
    """Let time pass in steps, and return when each text went."""
    for _ in range(steps):
        await shop.later(**step)
    return [text.created_at for text in shop.provider.texts]


async def test_after_four_days_of_outage_a_series_does_not_come_at_once(shop: Shop) -> None:
    assert CASES["outage-4-days"]["expected"].startswith("one text, the others")
    await shop.allow()
    await shop.event("custom.series")
    shop.clock.advance(days=4)
    await shop.work()
    assert len(shop.phone) == 1
    times = await sent_at(shop, 8, hours=9)
    assert all(later - earlier >= timedelta(hours=23) for earlier, later in pairwise(times)), times


async def test_what_quiet_hours_put_off_keeps_its_distance_in_the_morning(tmp_path: Path) -> None:
    assert CASES["quiet-hours-pile-up"]["expected"] == "the second an hour after the first"
    evening = datetime(2026, 12, 2, 1, 15, tzinfo=UTC)  # 20:15 in New York: due at 20:45 and 21:45
    async with opened(tmp_path, evening) as shop:
        await shop.allow()
        await shop.event("custom.mseries")
        await sent_at(shop, 1, hours=1)
        await sent_at(shop, 1, hours=10.5)
        times = await sent_at(shop, 18, minutes=10)
    assert len(times) == 2
    assert times[1] - times[0] >= timedelta(minutes=50)
