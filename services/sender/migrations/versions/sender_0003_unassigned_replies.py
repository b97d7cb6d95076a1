"""Replies keep their channel, and those that belong to nobody are kept too."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "sender_0003"
down_revision = "sender_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    with op.batch_alter_table("sender_replies", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.Text(), nullable=True))
    op.create_table(
        "sender_unassigned_replies",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reply_class", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sender_unassigned_replies")),
    )
    with op.batch_alter_table("sender_unassigned_replies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sender_unassigned_replies_received_at"), ["received_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sender_unassigned_replies_recipient_id"), ["recipient_id"], unique=False)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("sender_unassigned_replies")
    with op.batch_alter_table("sender_replies", schema=None) as batch_op:
        batch_op.drop_column("channel")
