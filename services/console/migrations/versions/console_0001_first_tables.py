"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_system_tables

revision = "console_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("console")
    op.create_index("ix_console_idempotency_keys_created_at", "console_idempotency_keys", ["created_at"])
    op.create_table(
        "console_users",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("version", shared.db.types.Id(), nullable=False),
        sa.Column("made_at", shared.db.types.Instant(), nullable=False),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_console_users_merchant_id", "console_users", ["merchant_id"])
    op.create_table(
        "console_sessions",
        sa.Column("token_sha256", sa.LargeBinary(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("user_version", shared.db.types.Id(), nullable=True),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_console_sessions_ends_at", "console_sessions", ["ends_at"])
