"""Which columns of the sender are sealed, and the place each value is bound to."""

from typing import Final

from services.sender.tables import (
    attempts,
    audit_tables,
    conversations,
    dispatches,
    receipts,
    replies,
    short_links,
    unassigned_replies,
)
from shared import aad
from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {
    dispatches: {
        "body": lambda row: aad.text_body(row["follow_up_id"]),
        "contact": lambda row: aad.contact(row["recipient_id"]),
        "facts": lambda row: aad.text_facts(row["follow_up_id"]),
    },
    attempts: {"text": lambda row: aad.sent_text(row["id"])},
    conversations: {
        "contact": lambda row: aad.contact(row["recipient_id"]),
        "assigned_to": lambda row: aad.conversation_assignee(row["recipient_id"]),
    },
    receipts: {"raw": lambda row: aad.receipt(row["id"])},
    replies: {"text": lambda row: aad.reply_text(row["provider_message_id"])},
    short_links: {"target": lambda row: aad.link_target(row["code"])},
    unassigned_replies: {"raw": lambda row: aad.unassigned_reply(bytes(row["digest"]))},
}
"""Sealed again with the new key after a rotation."""
SEALED_FOR_GOOD: Final[Sealed] = {audit_tables.entries: {"reason": lambda row: aad.audit_reason(row["id"])}}
"""Never sealed again, because the hash of the sealed bytes is in a chain."""
