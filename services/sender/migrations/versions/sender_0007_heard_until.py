"""Up to when the replies to each number were listed."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "sender_0007"
down_revision = "sender_0006"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "sender_heard_until",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("provider", sa.Text(), primary_key=True),
        sa.Column("sender_number", sa.Text(), primary_key=True),
        sa.Column("until", shared.db.types.Instant(), nullable=False),
    )
