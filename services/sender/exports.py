"""What the sender holds about a person: texts, calls, callbacks, replies, links, visits and purchases credited."""

from services.sender.engagement.attribution.tables import conversions, touches
from services.sender.engagement.links.tables import clicks, short_links
from services.sender.erasure import attempts_of
from services.sender.sealed import SEALED
from services.sender.tables import attempts, dispatches, receipts, recipients, replies, system_tables
from shared import rights
from shared.db.transaction import Row, Transaction
from shared.events.consent import PrivacyRequested
from shared.privacy import Sealer


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, opened."""
    person, merchant = [request.recipient_id], request.merchant_id
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
        table.name: rights.opened_rows(rows, sealer, merchant, SEALED.get(table, {})) for table, rows in found.items()
    }
    return {
        **tables,
        system_tables.parked.name: await rights.parked_rows(db, system_tables, request.recipient_id, sealer),
    }


def _told(person: Row) -> Row:
    """Return a person's row less the key of their texts' hashes, which says nothing of them."""
    return {name: value for name, value in person.items() if name != "text_key"}
