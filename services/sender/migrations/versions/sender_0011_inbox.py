"""Texts are kept as they were sent, and replies are an inbox: one conversation for each person who has written."""

import sqlalchemy as sa
from alembic import op

from shared.db.storage import CHANGING
from shared.db.types import Id, Instant

revision = "sender_0011"
down_revision = "sender_0010"

_NEWEST = """
    INSERT INTO sender_conversations
        (recipient_id, merchant_id, rank, unread, newest_at, newest_reply_id, newest_message_id)
    SELECT r.recipient_id, r.merchant_id, CASE WHEN p.needs_review THEN 3 ELSE 0 END, 0,
        r.received_at, r.reply_id, r.provider_message_id
    FROM sender_replies r JOIN sender_recipients p ON p.recipient_id = r.recipient_id
    WHERE p.erased_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM sender_replies n
        WHERE n.recipient_id = r.recipient_id AND (n.received_at, n.reply_id) > (r.received_at, r.reply_id)
    )
"""
"""What was written before is closed, unless somebody has to decide about it."""


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("sender_attempts", sa.Column("text", sa.LargeBinary))
    op.add_column("sender_replies", sa.Column("reviewed_at", Instant))
    op.add_column("sender_replies", sa.Column("reviewed_by", sa.Text))
    op.add_column("sender_replies", sa.Column("was_opt_out", sa.Boolean))
    op.create_index("ix_sender_dispatches_of_person", "sender_dispatches", ["recipient_id", "first_queued_at"])
    op.drop_index("ix_sender_dispatches_recipient_id", "sender_dispatches")
    op.create_index("ix_sender_replies_of_person", "sender_replies", ["recipient_id", "received_at"])
    op.drop_index("ix_sender_replies_recipient_id", "sender_replies")
    op.create_table(
        "sender_conversations",
        sa.Column("recipient_id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("unread", sa.BigInteger, nullable=False),
        sa.Column("newest_at", Instant, nullable=False),
        sa.Column("newest_reply_id", Id, nullable=False),
        sa.Column("newest_message_id", sa.Text, nullable=False),
        sa.Column("contact", sa.LargeBinary),
        sa.Column("assigned_to", sa.LargeBinary),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_sender_conversations_newest_at", "sender_conversations", ["newest_at"])
    op.create_index(
        "ix_sender_conversations_inbox", "sender_conversations", ["merchant_id", "rank", "newest_at", "recipient_id"]
    )
    op.execute(_NEWEST)
