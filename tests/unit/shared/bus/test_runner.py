"""A consumer leaves the process to others between two polls, whatever its source does."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from shared.bus.port import Partition, Poll, Source
from shared.bus.router import Router
from shared.bus.runner import Runner
from shared.db.system_tables import metadata_of
from shared.db.unit_of_work import UnitOfWorkRunner


class SourceThatAnswersAtOnce:
    """Has no partitions, and never waits for any."""

    polls = 0

    async def partitions(self) -> frozenset[Partition]:
        return frozenset()

    async def poll(self, positions: Mapping[Partition, int], limit: int, linger_seconds: float) -> Poll:
        self.polls += 1
        if self.polls > 1000:
            raise AssertionError("a thousand polls without a turn for anybody else")
        return Poll((), {})


async def test_a_consumer_lets_others_run_between_two_polls() -> None:
    source = SourceThatAnswersAtOnce()
    nothing = cast("UnitOfWorkRunner", cast("Any", None))
    runner = Runner(nothing, metadata_of("tester")[1], cast("Source", cast("Any", source)), Router())
    reading = asyncio.ensure_future(runner.run_forever())
    for _ in range(10):
        await asyncio.sleep(0)
    assert runner.halted is None
    assert 1 <= source.polls <= 10
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
