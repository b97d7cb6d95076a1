"""What the scheduler holds about a person: runs, texts and what became of each, what they did, their counters."""

from services.scheduler.sealed import SEALED
from services.scheduler.tables import (
    enrollments,
    entries,
    follow_ups,
    recipients,
    state_changes,
    system_tables,
    triggers_seen,
)
from shared import rights
from shared.db.transaction import Transaction
from shared.events.consent import PrivacyRequested
from shared.privacy import Sealer


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, opened."""
    person, merchant = [request.recipient_id], request.merchant_id
    texts = await db.fetch(follow_ups, "recipient_id", person)
    runs = await db.fetch(enrollments, "id", sorted({row["enrollment_id"] for row in texts}))
    states = await db.fetch(state_changes, "follow_up_id", [row["id"] for row in texts])
    happened = await db.fetch(triggers_seen, "recipient_id", person)
    return {
        recipients.name: rights.opened_rows(await db.fetch(recipients, "id", person), sealer, merchant),
        enrollments.name: rights.opened_rows(runs, sealer, merchant),
        entries.name: rights.opened_rows(await db.fetch(entries, "recipient_id", person), sealer, merchant),
        follow_ups.name: rights.opened_rows(texts, sealer, merchant, SEALED[follow_ups]),
        state_changes.name: rights.opened_rows(
            sorted(states, key=lambda row: (row["follow_up_id"], row["number"])), sealer, merchant
        ),
        triggers_seen.name: rights.opened_rows(happened, sealer, merchant, SEALED[triggers_seen]),
        system_tables.parked.name: await rights.parked_rows(db, system_tables, request.recipient_id, sealer),
    }
