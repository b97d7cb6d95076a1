"""Replies keep their channel, and those that belong to nobody are kept too."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "sender_0003"
down_revision = "sender_0002"


def upgrade() -> None:
    """Bring the schema up."""
    with op.batch_alter_table("sender_replies", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.Text(), nullable=True))
    op.create_table(
        "sender_unassigned_replies",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reply_class", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_sender_unassigned_replies_received_at", "sender_unassigned_replies", ["received_at"])
    op.create_index("ix_sender_unassigned_replies_recipient_id", "sender_unassigned_replies", ["recipient_id"])
