"""Answers from the writer's thread to the event loops of the callers."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any


class WriterReply:
    """Carries one answer from the writer's thread to the asking loop."""

    def __init__(self, future: "asyncio.Future[Any]") -> None:
        """Answer this future."""
        self._future = future
        self.loop = future.get_loop()

    def succeed(self, result: Any) -> None:
        """Succeed with this result."""
        _call(self.loop, self.set_result, result)

    def fail(self, problem: BaseException) -> None:
        """Fail with this exception."""
        _call(self.loop, self._set_exception, problem)

    def set_result(self, result: Any) -> None:
        """Answer on the asking loop."""
        if not self._future.done():
            self._future.set_result(result)

    def _set_exception(self, problem: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(problem)


def answer(answers: Sequence[tuple[WriterReply, Any]]) -> None:
    """Give each its answer, waking each asking loop once: a wake-up is a write to a socket."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[WriterReply, Any]]] = defaultdict(list)
    for each in answers:
        by_loop[each[0].loop].append(each)
    for loop, its in by_loop.items():
        _call(loop, _set_results, its)


def _set_results(answers: Sequence[tuple[WriterReply, Any]]) -> None:
    for reply, result in answers:
        reply.set_result(result)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[Any], None], argument: Any) -> None:
    """Have the asking loop call this."""
    try:
        loop.call_soon_threadsafe(function, argument)
    except RuntimeError:  # the caller's loop has ended, and nothing waits any more
        return
