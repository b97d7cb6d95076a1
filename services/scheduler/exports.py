"""What the scheduler holds about a person: runs, texts and what became of each, what they did, their counters."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.scheduler.schema import system_tables
from services.scheduler.sealed import SEALED
from services.scheduler.tables import enrollments, entries, follow_ups, recipients, state_changes, triggers_seen
from shared import rights
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import PrivacyRequested, PrivacyRight
from shared.privacy import Sealer


@dataclass(frozen=True, slots=True)
class SchedulerExports:
    """Answers requests for copies."""

    sealer: Sealer

    async def answer(self, requests: Sequence[PrivacyRequested], uow: UnitOfWork) -> None:
        """Hand over everything held about each person who asked."""
        for request in requests:
            if request.right is PrivacyRight.EXPORT:
                rights.hand_over(uow, system_tables, request, await self._held(request, uow), self.sealer)

    async def _held(self, request: PrivacyRequested, uow: UnitOfWork) -> rights.Tables:
        person, merchant, db = [request.recipient_id], request.merchant_id, uow.db
        texts = await db.fetch(follow_ups, "recipient_id", person)
        runs = await db.fetch(enrollments, "id", sorted({row["enrollment_id"] for row in texts}))
        states = await db.fetch(state_changes, "follow_up_id", [row["id"] for row in texts])
        happened = await db.fetch(triggers_seen, "recipient_id", person)
        return {
            recipients.name: rights.opened_rows(await db.fetch(recipients, "id", person), self.sealer, merchant),
            enrollments.name: rights.opened_rows(runs, self.sealer, merchant),
            entries.name: rights.opened_rows(await db.fetch(entries, "recipient_id", person), self.sealer, merchant),
            follow_ups.name: rights.opened_rows(texts, self.sealer, merchant, SEALED[follow_ups]),
            state_changes.name: rights.opened_rows(
                sorted(states, key=lambda row: (row["follow_up_id"], row["number"])), self.sealer, merchant
            ),
            triggers_seen.name: rights.opened_rows(happened, self.sealer, merchant, SEALED[triggers_seen]),
            system_tables.parked.name: await rights.parked_rows(db, system_tables, request.recipient_id, self.sealer),
        }
