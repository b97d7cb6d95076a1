"""How a process runs: on a fast event loop, with a garbage collector that skips long-lived objects."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

_YOUNG_OBJECTS = 100_000
"""New objects between two collections: more than a batch of events makes, which all live until it is done, and none of
them in cycles."""
_LOOKS_PER_OLDER_GENERATION = 20
_STEPS_BACK = 10
"""About a tenth of the weight of other processes, while they have work (nice(2))."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on the fastest event loop this platform has."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main)


def freeze_startup_objects() -> None:
    """Exclude the objects made at startup from garbage collection; call it once, when all is built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _LOOKS_PER_OLDER_GENERATION, _LOOKS_PER_OLDER_GENERATION)


def lower_priority() -> None:
    """Give other processes of this machine, or of this container, the processor first."""
    if sys.platform != "win32":
        os.nice(_STEPS_BACK)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of the fastest event loop here; None if that is asyncio's own."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not made for Windows

    return uvloop.new_event_loop
