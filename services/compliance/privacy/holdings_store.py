"""What compliance holds about a person: their ledger with its evidence, standing, preferences, verdicts, cap slots."""

import orjson

from services.compliance.sealed import SEALED_FOR_GOOD
from services.compliance.tables import decisions, erasures, ledger, preferences, send_slots, standings, system_tables
from shared import rights
from shared.db.transaction import Transaction
from shared.events.consent import PrivacyRequested
from shared.privacy import Sealer

_READABLE = ("canonical", "standing", "record")
"""Columns of unsealed JSON: they hold no identity."""


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, the evidence opened."""
    recipient, merchant = request.recipient_id, request.merchant_id
    found = {}
    for table in (ledger, standings, preferences, decisions, send_slots, erasures):
        rows = [
            {name: _readable(value) if name in _READABLE else value for name, value in row.items()}
            for row in await db.fetch(table, "recipient_id", [recipient])
        ]
        found[table.name] = rights.opened_rows(rows, sealer, merchant, SEALED_FOR_GOOD.get(table, {}))
    return {**found, system_tables.parked.name: await rights.parked_rows(db, system_tables, recipient, sealer)}


def _readable(value: bytes) -> object:
    return orjson.loads(bytes(value))
