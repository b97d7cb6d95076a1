"""The same work at the same moment through the scheduler's entry points."""

from pathlib import Path

from tests.integration.across_services.concurrency.at_once import AT_ONCE, all_at_once
from tests.integration.scheduler.driver import open_driver
from tests.integration.scheduler.test_api import FULL


async def test_one_key_used_by_many_requests_at_once_plans_one_text_and_gets_one_answer(tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        answers = await all_at_once(lambda: driver.ask(key="once", **FULL))
        assert [answer.status_code for answer in answers] == [202] * AT_ONCE, [answer.text for answer in answers]
        assert [answer.json() for answer in answers] == [answers[0].json()] * AT_ONCE
        assert await driver.states() == [("pending", None)]
