"""What ingest holds about a person: deliveries as they came, and the orders and carts that lead to their number."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest.schema import system_tables
from services.ingest.sealed import SEALED
from services.ingest.tables import deliveries, former_people, subjects
from shared import rights
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import PrivacyRequested, PrivacyRight
from shared.privacy import Sealer


@dataclass(frozen=True, slots=True)
class IngestExports:
    """Answers requests for copies."""

    sealer: Sealer

    async def answer(self, requests: Sequence[PrivacyRequested], uow: UnitOfWork) -> None:
        """Hand over everything held about each person who asked."""
        for request in requests:
            if request.right is PrivacyRight.EXPORT:
                rights.hand_over(uow, system_tables, request, await self._held(request, uow), self.sealer)

    async def _held(self, request: PrivacyRequested, uow: UnitOfWork) -> rights.Tables:
        person, merchant = [request.recipient_id], request.merchant_id
        told = await uow.db.fetch(deliveries, "recipient_id", person)
        known = await uow.db.fetch(subjects, "recipient_id", person)
        before = await uow.db.fetch(former_people, "recipient_id", person)
        return {
            deliveries.name: rights.opened_rows(told, self.sealer, merchant, SEALED[deliveries]),
            subjects.name: rights.opened_rows(known, self.sealer, merchant, SEALED[subjects]),
            former_people.name: rights.opened_rows(before, self.sealer, merchant, SEALED[former_people]),
        }
