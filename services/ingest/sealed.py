"""The encrypted columns of ingest, and the place to which each value is bound."""

from typing import Final

from services.ingest.tables import audit_tables, deliveries, former_people, subjects
from shared import aad
from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {
    deliveries: {
        "body": lambda row: aad.delivery_body(row["delivery_id"]),
        "headers": lambda row: aad.delivery_headers(row["delivery_id"]),
    },
    subjects: {"contact": lambda row: aad.contact(row["recipient_id"])},
    former_people: {"contact": lambda row: aad.contact(row["recipient_id"])},
}
"""Encrypted again when the key changes."""
SEALED_FOR_GOOD: Final[Sealed] = {audit_tables.entries: {"reason": lambda row: aad.audit_reason(row["id"])}}
"""Never encrypted again, because the hash of the encrypted bytes is in a chain."""
