"""Who did what to users and who signed in; wrong passwords counted by user and day."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_audit_tables

revision = "console_0004"
down_revision = "console_0003"


def upgrade() -> None:
    """Bring the schema up."""
    create_audit_tables("console")
    op.create_table(
        "console_failed_sign_ins",
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("user_name", "day", name=op.f("pk_console_failed_sign_ins")),
    )
    op.create_index("ix_console_failed_sign_ins_ends_at", "console_failed_sign_ins", ["ends_at"])
