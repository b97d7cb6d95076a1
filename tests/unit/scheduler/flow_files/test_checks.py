"""The process that checks: one for all, killed when an answer takes too long, and begun again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.scheduler.flow_files.checking import question_of
from services.scheduler.flow_files.checks import CheckTooLong, FlowChecks
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.testing import make_scheduler

ACME, BOLT = MerchantId("acme"), MerchantId("bolt")


@pytest.fixture
def question(tmp_path: Path) -> dict[str, Any]:
    merchant = make_scheduler.merchants(tmp_path).get("acme")
    assert merchant is not None
    return question_of("cart", make_scheduler.CART, merchant, "2026-11-30T10:00:00+00:00")


async def test_a_process_that_dies_or_takes_too_long_is_begun_again(question: dict[str, Any]) -> None:
    checks = FlowChecks(answer_seconds=60)
    try:
        assert (await checks.answer(ACME, question))["is_valid"]
        with pytest.raises(CheckTooLong):
            await checks.answer(ACME, {"no": "question"})
        checks._answer_seconds = 0
        with pytest.raises(CheckTooLong):
            await checks.answer(ACME, question)
        assert checks._process is None
        checks._answer_seconds = 60
        assert (await checks.answer(ACME, question))["is_valid"]
    finally:
        await checks.close()


async def test_a_shop_waits_with_two_texts_at_most_and_another_is_not_refused(question: dict[str, Any]) -> None:
    checks = FlowChecks(answer_seconds=60)
    try:
        await checks._turn.acquire()
        waiting = [asyncio.create_task(checks.answer(merchant, question)) for merchant in (ACME, ACME, BOLT)]
        await asyncio.sleep(0)
        assert checks._asking.total() == len(waiting)
        with pytest.raises(HTTPProblem) as refused:
            await checks.answer(ACME, question)
        assert refused.value.status == 429
        checks._turn.release()
        assert all(answer["is_valid"] for answer in await asyncio.gather(*waiting))
        assert not checks._asking
    finally:
        await checks.close()
