"""The encrypted columns of connectors, and the place to which each value is bound."""

from typing import Final

from services.connectors.tables import audit_tables, deliveries
from shared import aad
from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {deliveries: {"body": lambda row: aad.notification_body(row["delivery_id"])}}
"""Encrypted again when the key changes."""
SEALED_FOR_GOOD: Final[Sealed] = {audit_tables.entries: {"reason": lambda row: aad.audit_reason(row["id"])}}
"""Never encrypted again, because the hash of the sealed bytes is in a chain."""
