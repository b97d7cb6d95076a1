"""Errors of calls are counted by number and hour."""

import sqlalchemy as sa
from alembic import op

from shared.db.storage import CHANGING
from shared.db.types import Instant

revision = "sender_0015"
down_revision = "sender_0014"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "sender_number_errors",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("sender_number", sa.Text, primary_key=True),
        sa.Column("hour", Instant, primary_key=True),
        sa.Column("error", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_sender_number_errors_hour", "sender_number_errors", ["hour"])
