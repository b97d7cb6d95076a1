"""Texts without a final receipt are found by their account; those accepted before this are not asked about."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "sender_0004"
down_revision = "sender_0003"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("sender_attempts", sa.Column("ask_at", shared.db.types.Instant(), nullable=True))
    op.create_index(
        "ix_sender_attempts_ask",
        "sender_attempts",
        ["merchant_id", "provider", "ask_at"],
        sqlite_where=sa.text("ask_at IS NOT NULL"),
        postgresql_where=sa.text("ask_at IS NOT NULL"),
    )
