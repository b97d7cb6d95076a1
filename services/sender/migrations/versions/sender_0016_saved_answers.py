"""A shop keeps answers for questions that come again."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Id, Instant

revision = "sender_0016"
down_revision = "sender_0015"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "sender_saved_answers",
        sa.Column("id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("saved_at", Instant, nullable=False),
    )
    op.create_index("ix_sender_saved_answers_merchant_id", "sender_saved_answers", ["merchant_id"])
