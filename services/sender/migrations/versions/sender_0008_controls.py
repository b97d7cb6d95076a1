"""The sender obeys what people pause and stop."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Id, Instant

revision = "sender_0008"
down_revision = "sender_0007"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "sender_controls",
        sa.Column("id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("flow", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("recipient_id", Id),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("until", Instant),
        sa.Column("lifted_at", Instant),
        sa.Column("obeyed_at", Instant),
    )
    op.create_index("ix_sender_controls_in_force", "sender_controls", ["merchant_id", "lifted_at"])
    op.create_index("ix_sender_controls_recipient_id", "sender_controls", ["recipient_id"])
    op.create_index("ix_sender_controls_obeyed_at", "sender_controls", ["obeyed_at"])
