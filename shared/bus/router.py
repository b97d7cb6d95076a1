"""Which handler takes which event type."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from shared.db.unit_of_work import UnitOfWork
from shared.events.envelope import Event

EventT = TypeVar("EventT", bound=Event)
TakeAgain = Callable[[bytes, UnitOfWork], Awaitable[None]]
Handler = Callable[[Sequence[EventT], UnitOfWork], Awaitable[None]]


class Router:
    """A service's entry point for events: handlers by event type, or one for the whole poll in log order."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], Handler[Any]] = {}
        self._whole: Handler[Event] | None = None
        self._whole_types: tuple[type[Event], ...] = ()
        self.works: dict[str, TakeAgain] = {}
        """What takes up again what a loop set aside, by the name it was parked under."""

    def on(self, *kinds: type[EventT]) -> Callable[[Handler[EventT]], Handler[EventT]]:
        """Register a handler that gets batches in which no two events concern the same recipient."""

        def register(handler: Handler[EventT]) -> Handler[EventT]:
            for kind in kinds:
                if kind in self._handlers:
                    raise RuntimeError(f"two handlers claim {kind.type}")
                self._handlers[kind] = handler
            return handler

        return register

    def whole(self, *kinds: type[Event]) -> Callable[[Handler[Event]], Handler[Event]]:
        """Register a handler that gets the whole poll in log order, for work in which order per person is no matter."""

        def register(handler: Handler[Event]) -> Handler[Event]:
            self._whole, self._whole_types = handler, kinds
            return handler

        return register

    @property
    def kinds(self) -> dict[str, type[Event]]:
        """The event types this router handles, by name."""
        return {kind.type: kind for kind in (*self._handlers, *self._whole_types)}

    async def handle(self, events: Sequence[Event], uow: UnitOfWork) -> None:
        """Hand events on: whole, or in rounds without two events of one recipient, each grouped by handler."""
        if self._whole is not None:
            await self._whole(events, uow)
        for round_ in rounds(events) if self._handlers else ():
            groups: dict[Handler[Any], list[Event]] = {}
            for event in round_:
                if (handler := self._handlers.get(type(event))) is not None:
                    groups.setdefault(handler, []).append(event)
            for handler, group in groups.items():
                await handler(group, uow)


def rounds(events: Sequence[Event]) -> list[list[Event]]:
    """Split events into rounds so that each keeps the order of every recipient and holds none of them twice."""
    result: list[list[Event]] = []
    seen: dict[object, int] = {}
    for event in events:
        number = seen.get(event.recipient_id, 0)
        seen[event.recipient_id] = number + 1
        if number == len(result):
            result.append([])
        result[number].append(event)
    return result
