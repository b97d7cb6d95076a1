"""How a process of ours runs: on a fast event loop, with a garbage collector that leaves alone what stays."""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

_YOUNG_OBJECTS = 20_000
"""Allocations between two looks of the collector: a batch of events makes thousands, and none of them in cycles."""
_LOOKS_PER_OLDER_GENERATION = 20


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on the fastest event loop this platform has."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main)


def settle_down() -> None:
    """Take what was made while starting out of the garbage collector's sight; call it once, when all is built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _LOOKS_PER_OLDER_GENERATION, _LOOKS_PER_OLDER_GENERATION)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not made for Windows

    return uvloop.new_event_loop
