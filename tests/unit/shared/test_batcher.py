import asyncio
from collections.abc import Sequence

import pytest

from shared.batcher import Batcher
from shared.errors import DatabaseUnavailable


class Recorder:
    """Doubles numbers, one group at a time, when a test lets it go on."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_go = asyncio.Event()
        self.is_down = False

    async def record(self, items: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(items))
        await self.may_go.wait()
        if self.is_down:
            raise DatabaseUnavailable
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * item for item in items]


async def test_what_comes_during_a_commit_shares_the_next() -> None:
    recorder = Recorder()
    gatherer = Batcher(recorder.record, 3)
    tasks = [asyncio.create_task(gatherer.add(number)) for number in range(6)]
    await asyncio.sleep(0)
    recorder.may_go.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8, 10]
    assert recorder.groups == [[0, 1, 2], [3, 4, 5]]


async def test_a_fault_fails_everybody_whose_work_was_not_stored() -> None:
    recorder = Recorder()
    recorder.may_go.set()
    recorder.is_down = True
    gatherer = Batcher(recorder.record, 10)
    results = await asyncio.gather(*(gatherer.add(number) for number in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseUnavailable] * 3
    assert recorder.groups == [[0, 1, 2]]


async def test_a_bug_fails_only_its_own_caller() -> None:
    recorder = Recorder()
    recorder.may_go.set()
    gatherer = Batcher(recorder.record, 10)
    results = await asyncio.gather(*(gatherer.add(number) for number in (1, 13, 2)), return_exceptions=True)
    assert [results[0], results[2]] == [2, 4]
    assert isinstance(results[1], ValueError)


async def test_a_caller_who_left_does_not_stop_the_others() -> None:
    recorder = Recorder()
    gatherer = Batcher(recorder.record, 10)
    leaving, staying = (asyncio.create_task(gatherer.add(number)) for number in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    recorder.may_go.set()
    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await gatherer.finish()


async def test_an_item_waits_for_company_and_a_full_group_does_not() -> None:
    recorder = Recorder()
    recorder.may_go.set()
    gatherer = Batcher(recorder.record, 3, linger_seconds=30)
    assert await asyncio.wait_for(asyncio.gather(*(gatherer.add(number) for number in range(3))), 60) == [0, 2, 4]
    patient = Batcher(recorder.record, 3, linger_seconds=0.01)
    assert await patient.add(5) == 10


async def test_while_something_else_comes_first_even_a_full_group_waits_and_then_all_go() -> None:
    recorder = Recorder()
    recorder.may_go.set()
    gatherer = Batcher(recorder.record, 3, hold_seconds=lambda: 0.05)
    tasks = [asyncio.create_task(gatherer.add(number)) for number in range(4)]
    await asyncio.sleep(0.01)
    assert recorder.groups == []
    tasks.append(asyncio.create_task(gatherer.add(4)))
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert recorder.groups == [[0, 1, 2], [3, 4]]


async def test_many_of_one_name_hold_none_of_another_and_each_keeps_its_order() -> None:
    recorder = Recorder()
    gatherer = Batcher(recorder.record, 4, whose=lambda number: number // 1000)
    tasks = [asyncio.create_task(gatherer.add(number)) for number in (*range(1000, 1020), 2000, 2001, 3000)]
    await asyncio.sleep(0)
    recorder.may_go.set()
    await asyncio.gather(*tasks)
    assert recorder.groups[:2] == [[1000, 2000, 3000, 1001], [2001, 1002, 1003, 1004]]
    assert sorted(number for group in recorder.groups for number in group if number < 2000) == [*range(1000, 1020)]
