"""Runs long pure work in a thread, so that the event loop answers other requests meanwhile.

One thread, one piece of work after the other: two would only share the interpreter, and each would take longer. Small
work is done in the event loop, since handing it over would cost more.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

ResultT = TypeVar("ResultT")

SMALL_BYTES = 32_768
"""Input of this size is read within some milliseconds, whatever it holds."""
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside")


async def in_worker_thread(work: Callable[[], ResultT], size: int) -> ResultT:
    """Do work whose duration grows with the size of its input in bytes; what it raises is raised here."""
    if size <= SMALL_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
