"""What ended, fails again and again, or hangs is reported; what passes is not."""

import asyncio

import pytest

from shared.batcher import Batcher
from shared.errors import Interrupted
from shared.loop import TROUBLED_FAILURES, Loop, Pulse
from shared.tasks import WatchedTasks
from shared.telemetry.health import Health


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_task_that_is_cancelled_by_a_stray_hand_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = WatchedTasks("scheduler")
    tasks.start("fire", forever())
    tasks.start("retention", forever())
    await asyncio.sleep(0)
    assert tasks.ended() is None
    [stray] = [task for task in asyncio.all_tasks() if task.get_name() == "scheduler:fire"]
    stray.cancel()
    await asyncio.gather(stray, return_exceptions=True)
    await asyncio.sleep(0)
    assert tasks.ended() == "the task scheduler:fire ended: cancelled"
    assert "task_ended" in "".join(capsys.readouterr())
    await tasks.stop()


async def test_a_task_that_crashes_or_returns_is_missed_too() -> None:
    async def crash() -> None:
        raise ValueError("+12125550123 said so")

    async def leave() -> None:
        return

    tasks = WatchedTasks("sender")
    tasks.start("crash", crash())
    tasks.start("leave", leave())
    for _ in range(3):
        await asyncio.sleep(0)
    reported = str(tasks.ended())
    assert "sender:crash ended: ValueError" in reported
    assert "+1212" not in reported
    assert "sender:leave ended: it returned" in reported
    await tasks.stop()


async def test_tasks_that_are_stopped_are_not_missed() -> None:
    tasks = WatchedTasks("metrics")
    tasks.start("events", forever())
    await asyncio.sleep(0)
    await tasks.stop()
    assert tasks.ended() is None


async def test_a_loop_is_in_trouble_after_some_failures_in_a_row_and_well_after_a_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.loop._BACKOFF_SECONDS", (0.0,))
    steps: list[int] = []
    done = asyncio.Event()

    async def step() -> float:
        steps.append(1)
        if len(steps) <= TROUBLED_FAILURES:
            assert loop.pulse.trouble() is None
            raise ValueError("again")
        assert loop.pulse.trouble() == f"the loop test failed {TROUBLED_FAILURES} times in a row (ValueError)"
        done.set()
        return 3600.0

    loop = Loop("test", step)
    task = asyncio.create_task(loop.run_forever())
    await asyncio.wait_for(done.wait(), 60)
    await asyncio.sleep(0)
    assert loop.pulse.trouble() is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_step_that_hangs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = Pulse("the loop fire", longest_seconds=30)
    pulse.began()
    assert pulse.trouble() is None
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now + 80)
    assert pulse.trouble() == "the loop fire has been in one step for 80 s"
    pulse.succeeded()
    assert pulse.trouble() is None


async def test_failures_that_take_their_time_are_trouble_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    pulse = Pulse("the consumer of sender")
    for _ in range(2):
        pulse.began()
        now += 8
        pulse.failed("database_unavailable")
    assert pulse.trouble() == "the consumer of sender failed 2 times in a row (database_unavailable)"


async def test_waking_a_loop_does_not_shorten_the_pause_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    steps: list[int] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.wait_for(asyncio.Event().wait(), None) if len(pauses) == 4 else None

    async def step() -> float:
        steps.append(1)
        loop.wake()
        loop.wake()
        raise ValueError("the broker is away")

    loop = Loop("relay", step)
    monkeypatch.setattr("shared.loop.asyncio.sleep", sleep)
    task = asyncio.ensure_future(loop.run_forever())
    while len(pauses) < 4:
        await asyncio.wait_for(asyncio.shield(asyncio.get_running_loop().create_task(nothing())), 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pauses == [0.2, 1.0, 5.0, 5.0]
    assert len(steps) == 4


async def nothing() -> None:
    return


async def test_a_waiter_in_a_group_learns_when_its_work_is_cancelled_and_the_next_goes_on() -> None:
    begun = asyncio.Event()
    items: list[int] = []

    async def record(group: "list[int] | tuple[int, ...]") -> list[int]:
        items.extend(group)
        if items == [1]:
            begun.set()
            await asyncio.Event().wait()
        return list(group)

    gatherer: Batcher[int, int] = Batcher(record, 1)  # type: ignore[arg-type] # any sequence
    first = asyncio.ensure_future(gatherer.add(1))
    await asyncio.wait_for(begun.wait(), 60)
    second = asyncio.ensure_future(gatherer.add(2))
    await asyncio.sleep(0)
    [drain] = [task for task in asyncio.all_tasks() if task.get_name() == "gathering"]
    drain.cancel()
    with pytest.raises(Interrupted):
        await asyncio.wait_for(first, 60)
    assert await asyncio.wait_for(second, 60) == 2


async def test_a_concern_is_reported_and_keeps_no_process_from_being_given_work() -> None:
    health = Health()

    async def worried() -> str | None:
        return "the log is away"

    health.add_concern("sender", worried)
    assert await health.report() == {}
    assert await health.concerns() == {"sender": "the log is away"}
