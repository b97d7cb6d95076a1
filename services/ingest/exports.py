"""What ingest holds about a person: deliveries as they came, and the orders and carts that lead to their number."""

from services.ingest.sealed import SEALED
from services.ingest.tables import deliveries, former_people, subjects
from shared import rights
from shared.db.transaction import Transaction
from shared.events.consent import PrivacyRequested
from shared.privacy import Sealer


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, opened."""
    person, merchant = [request.recipient_id], request.merchant_id
    told = await db.fetch(deliveries, "recipient_id", person)
    known = await db.fetch(subjects, "recipient_id", person)
    before = await db.fetch(former_people, "recipient_id", person)
    return {
        deliveries.name: rights.opened_rows(told, sealer, merchant, SEALED[deliveries]),
        subjects.name: rights.opened_rows(known, sealer, merchant, SEALED[subjects]),
        former_people.name: rights.opened_rows(before, sealer, merchant, SEALED[former_people]),
    }
