"""The sealed columns of the scheduler, with the associated data of each value."""

from typing import Final

from services.scheduler.tables import approvals, audit_tables, controls, follow_ups, recipients, triggers_seen
from shared import aad
from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {
    follow_ups: {
        "body": lambda row: aad.text_body(row["id"]),
        "contact": lambda row: aad.contact(row["recipient_id"]),
        "facts": lambda row: aad.text_facts(row["id"]),
    },
    controls: {
        "reason": lambda row: aad.control_reason(row["id"]),
        "lift_reason": lambda row: aad.control_lift(row["id"]),
    },
    approvals: {
        "reason": lambda row: aad.approval_reason(row["id"]),
        "answer_reason": lambda row: aad.approval_answer(row["id"]),
    },
    recipients: {"contact": lambda row: aad.contact(row["id"])},
    triggers_seen: {"facts": lambda row: aad.trigger_facts(row["event_id"])},
}
"""Columns that are sealed again when the key changes."""
SEALED_FOR_GOOD: Final[Sealed] = {audit_tables.entries: {"reason": lambda row: aad.audit_reason(row["id"])}}
"""Never sealed again, because the hash of the sealed bytes is in a chain."""
