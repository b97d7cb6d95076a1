"""Long pure work goes beside the event loop: everybody else's requests are answered meanwhile.

One thread, one piece of work after the other: two would only share the interpreter, and each would take longer. What is
small is done at once, since handing it over would cost more than it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

ResultT = TypeVar("ResultT")

SMALL_BYTES = 32_768
"""What is read within some milliseconds, whatever it holds."""
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside")


async def in_worker_thread(work: Callable[[], ResultT], size: int) -> ResultT:
    """Do work whose length goes with the size of what it reads, in bytes; what it raises is raised here."""
    if size <= SMALL_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
