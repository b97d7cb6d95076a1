"""A data folder has one owner; a loop outlives its step's failures and hears its bell."""

import asyncio
from pathlib import Path

import pytest

from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault
from shared.loop import Loop


def test_a_second_process_on_the_same_folder_is_refused_with_the_first_ones_id(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "data"), FolderLock(tmp_path / "data")
    first.acquire()
    with pytest.raises(ConfigurationFault, match="in use by process"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationFault, match="--data"):
        FolderLock(tmp_path / "file" / "data").acquire()


async def test_a_loop_goes_on_after_a_failing_step_and_can_be_woken() -> None:
    steps: list[int] = []
    reached = asyncio.Event()

    async def step() -> float:
        steps.append(1)
        if len(steps) == 1:
            raise ValueError("once")
        reached.set()
        return 3600.0

    loop = Loop("test", step)
    task = asyncio.create_task(loop.run_forever())
    await asyncio.wait_for(reached.wait(), 60)
    reached.clear()
    loop.wake()
    await asyncio.wait_for(reached.wait(), 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(steps) == 3
