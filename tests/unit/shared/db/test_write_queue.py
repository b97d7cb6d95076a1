"""Turns by priority."""

import asyncio

from shared.db.transaction import WritePriority
from shared.db.write_queue import WriteQueue


async def test_those_who_wait_are_let_in_by_lane_and_then_by_arrival() -> None:
    queue = WriteQueue(1)
    order: list[str] = []

    async def take(name: str, priority: WritePriority) -> None:
        async with queue.turn(priority):
            order.append(name)
            await asyncio.sleep(0)

    names = {
        "first": WritePriority.BATCHES,
        "batch": WritePriority.BATCHES,
        "second batch": WritePriority.BATCHES,
        "stop": WritePriority.STOP,
    }
    await asyncio.gather(*[take(name, priority) for name, priority in names.items()])
    assert order == ["first", "stop", "batch", "second batch"]


async def test_no_more_turns_than_there_are_run_at_once() -> None:
    queue = WriteQueue(3)
    running = most = 0

    async def take() -> None:
        nonlocal running, most
        async with queue.turn(WritePriority.BATCHES):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*[take() for _ in range(10)])
    assert most == 3


async def test_a_cancelled_waiter_costs_no_other_its_turn() -> None:
    queue = WriteQueue(1)
    gate = asyncio.Event()

    async def take(until: asyncio.Event) -> str:
        async with queue.turn(WritePriority.BATCHES):
            await until.wait()
            return "done"

    holder = asyncio.ensure_future(take(gate))
    await asyncio.sleep(0)
    waiting, next_one = asyncio.ensure_future(take(gate)), asyncio.ensure_future(take(gate))
    await asyncio.sleep(0)
    assert queue.waiting == 2
    gate.set()
    waiting.cancel()
    assert list(await asyncio.gather(holder, next_one)) == ["done", "done"]
    assert queue.waiting == 0
    assert await asyncio.wait_for(take(gate), 60) == "done"


async def test_a_waiter_cancelled_in_the_moment_of_its_turn_hands_it_on() -> None:
    queue = WriteQueue(1)
    late: list[asyncio.Task[None]] = []

    async def take() -> None:
        async with queue.turn(WritePriority.BATCHES):
            await asyncio.sleep(0)

    async def first() -> None:
        async with queue.turn(WritePriority.BATCHES):
            await asyncio.sleep(0)
        late[0].cancel()

    holder = asyncio.ensure_future(first())
    await asyncio.sleep(0)
    late.append(asyncio.ensure_future(take()))
    await asyncio.gather(holder, late[0], return_exceptions=True)
    await asyncio.wait_for(take(), 60)
    assert late[0].cancelled()
