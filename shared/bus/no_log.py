"""The log of a service that has no events: nothing is published, nothing is read."""

from collections.abc import Sequence
from datetime import datetime

from shared.bus.marks import AlwaysInLog, Marks
from shared.bus.port import Source
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.events.envelope import Event


class NoLog:
    """Refuses events: a service that publishes or reads one belongs to a process with a log."""

    partitions = 1

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:  # noqa: ARG002 - the protocol names it
        """Refuse events; without any, do nothing."""
        if events:
            raise RuntimeError("this service has no log to publish to")

    def committed(self) -> None:
        """Do nothing: nobody reads."""

    def source(self, types: Sequence[str]) -> Source:
        """Refuse to read."""
        raise RuntimeError(f"this service has no log to read {', '.join(types)} from")

    def marks(self) -> Marks:
        """Return the marks of a log that is never behind."""
        return AlwaysInLog()

    def announce_reading(self, system_tables: SystemTables, topics: Sequence[str]) -> None:
        """Do nothing: this service reads no topic."""

    async def unread_seconds(self, now: datetime) -> float:  # noqa: ARG002 - the protocol names it
        """Return that nothing is unread."""
        return 0.0

    def require_room(self) -> None:
        """There always is: nothing is stored."""
