"""Metrics stores facts without their encrypted fields; encrypted are only the reasons in its audit log."""

from typing import Final

from services.metrics.tables import audit_tables
from shared import aad
from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {}
SEALED_FOR_GOOD: Final[Sealed] = {audit_tables.entries: {"reason": lambda row: aad.audit_reason(row["id"])}}
"""Never encrypted again, because the hash of the encrypted bytes is in a chain."""
