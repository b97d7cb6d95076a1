"""The sealed columns of compliance, and what each value is sealed for."""

from typing import Final

from services.compliance.tables import audit_tables, export_parts, ledger
from shared import aad
from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {
    export_parts: {"body": lambda row: aad.copy_piece(row["request_id"], row["service"], row["part"])}
}
"""Sealed again when the key changes."""
SEALED_FOR_GOOD: Final[Sealed] = {
    ledger: {"evidence": lambda row: aad.evidence(row["entry_id"])},
    audit_tables.entries: {"reason": lambda row: aad.audit_reason(row["id"])},
}
"""Never sealed again, because the hash of the sealed bytes is in a chain."""
