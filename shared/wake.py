"""Wakes a loop from any thread: a unit of work that makes something due does not wait for the loop's next step."""

import asyncio

from shared.loop import Loop


class LoopWaker:
    """Wakes one loop after a delay; safe in any thread, before there is a loop, and after its event loop has ended."""

    def __init__(self) -> None:
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._loop: Loop | None = None

    def attach(self, loop: Loop) -> None:
        """Name the loop to wake; it is woken only after `start`."""
        self._loop = loop

    async def start(self) -> None:
        """Remember the event loop in which the attached loop runs."""
        self._event_loop = asyncio.get_running_loop()

    def wake_after(self, seconds: float) -> None:
        """Wake the loop after so many seconds; the delay must cover the commit of the unit of work that asks."""
        if self._event_loop is None or self._loop is None:
            return
        try:
            self._event_loop.call_soon_threadsafe(self._event_loop.call_later, seconds, self._loop.wake)
        except RuntimeError:  # the event loop has ended, and nothing waits any more
            return
