"""Counts deliveries by source and outcome in memory, and stores the counts every few seconds.

Deliveries wait for no counter, and a stranger's refused requests cost no write each. What a killed process had not
stored is missing in the counts: at most the last seconds.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from services.ingest.domain.parsed_deliveries import DeliveryOutcome
from services.ingest.tallies import store
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import MerchantId

STORE_SECONDS: Final = 2.0
REFUSED: Final = "refused"
OVER_QUOTA: Final = "over_quota"
ERRORS: Final = frozenset({REFUSED, OVER_QUOTA, DeliveryOutcome.QUARANTINED.value})


class MerchantSource(NamedTuple):
    """One source of one merchant."""

    merchant_id: MerchantId
    source: str


@dataclass(slots=True)
class SourceTally:
    """What one source brought since the last time it was stored."""

    deliveries: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    """By the hour and the outcome."""
    last_delivery_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error: str | None = None

    def note(self, outcome: str, at: datetime, number: int, reason: str) -> None:
        """Count deliveries that had an outcome."""
        self.deliveries[at.replace(minute=0, second=0, microsecond=0), outcome] += number
        if outcome != REFUSED:
            self.last_delivery_at = at
        if outcome in ERRORS:
            self.last_error_at, self.last_error = at, reason or outcome

    def add_older(self, older: "SourceTally") -> None:
        """Take in what could not be stored before."""
        self.deliveries += older.deliveries
        self.last_delivery_at = self.last_delivery_at or older.last_delivery_at
        if self.last_error_at is None:
            self.last_error_at, self.last_error = older.last_error_at, older.last_error


class SourceTallies:
    """The counts of this process that are not stored yet: a few for each source in the merchants' files."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._tallies: dict[MerchantSource, SourceTally] = {}

    def note(self, merchant: MerchantId, source: str, outcome: str, *, number: int = 1, reason: str = "") -> None:
        """Count deliveries of a source that the merchant has; `reason` is a constant word that says what was wrong."""
        tally = self._tallies.setdefault(MerchantSource(merchant, source), SourceTally())
        tally.note(outcome, self._units.clock.now(), number, reason)

    async def step(self) -> float:
        """Store the counts, and return the seconds until the next time; what cannot be stored now is kept."""
        if self._tallies:
            taken, self._tallies = self._tallies, {}

            async def work(uow: UnitOfWork) -> None:
                await store.add(uow.db, taken)

            try:
                await self._units.run(work, WritePriority.NUMBERS)
            except BaseException:
                for key, older in taken.items():
                    self._tallies.setdefault(key, SourceTally()).add_older(older)
                raise
        return STORE_SECONDS

    async def finish(self) -> None:
        """Store what is left, before the process ends."""
        await self.step()
