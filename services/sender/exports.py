"""What the sender holds about a person: texts, calls, callbacks, replies, links, visits and purchases credited."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.sender.engagement.attribution.tables import conversions, touches
from services.sender.engagement.links.tables import clicks, short_links
from services.sender.erasure import attempts_of
from services.sender.schema import system_tables
from services.sender.sealed import SEALED
from services.sender.tables import attempts, dispatches, receipts, recipients, replies
from shared import rights
from shared.db.transaction import Row
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import PrivacyRequested, PrivacyRight
from shared.privacy import Sealer


@dataclass(frozen=True, slots=True)
class SenderExports:
    """Answers requests for copies."""

    sealer: Sealer

    async def answer(self, requests: Sequence[PrivacyRequested], uow: UnitOfWork) -> None:
        """Hand over everything held about each person who asked."""
        for request in requests:
            if request.right is PrivacyRight.EXPORT:
                rights.hand_over(uow, system_tables, request, await self._held(request, uow), self.sealer)

    async def _held(self, request: PrivacyRequested, uow: UnitOfWork) -> rights.Tables:
        person, merchant, db = [request.recipient_id], request.merchant_id, uow.db
        calls = await attempts_of(db, request.recipient_id)
        links = await db.fetch(short_links, "recipient_id", person)
        found = {
            recipients: [_told(row) for row in await db.fetch(recipients, "recipient_id", person)],
            dispatches: await db.fetch(dispatches, "recipient_id", person),
            attempts: await db.fetch(attempts, "id", calls),
            receipts: await db.fetch(receipts, "attempt_id", calls),
            replies: await db.fetch(replies, "recipient_id", person),
            short_links: links,
            clicks: await db.fetch(clicks, "code", [row["code"] for row in links]),
            touches: await db.fetch(touches, "recipient_id", person),
            conversions: await db.fetch(conversions, "recipient_id", person),
        }
        tables = {
            table.name: rights.opened_rows(rows, self.sealer, merchant, SEALED.get(table, {}))
            for table, rows in found.items()
        }
        return {
            **tables,
            system_tables.parked.name: await rights.parked_rows(db, system_tables, request.recipient_id, self.sealer),
        }


def _told(person: Row) -> Row:
    """Return a person's row less the key of their texts' hashes, which says nothing of them."""
    return {name: value for name, value in person.items() if name != "text_key"}
