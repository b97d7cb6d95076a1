"""How a process of ours runs: on a fast event loop, with a garbage collector that leaves alone what stays."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

_YOUNG_OBJECTS = 100_000
"""Living objects between two looks of the collector: more than a batch of events makes, all of which live until it is
done, and none of them in cycles."""
_LOOKS_PER_OLDER_GENERATION = 20
_STEPS_BACK = 10
"""About a tenth of the weight of others, while they have anything to do (nice(2))."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on the fastest event loop this platform has."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main)


def freeze_startup_objects() -> None:
    """Take what was made while starting out of the garbage collector's sight; call it once, when all is built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _LOOKS_PER_OLDER_GENERATION, _LOOKS_PER_OLDER_GENERATION)


def lower_priority() -> None:
    """Let other processes of this machine, or of this container, have the processor first."""
    if sys.platform != "win32":
        os.nice(_STEPS_BACK)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop here; None where that is asyncio's own."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not made for Windows

    return uvloop.new_event_loop
