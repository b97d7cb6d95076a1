"""Imports of consents in the browser: how far each is, and the rows it refused."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "console_0003"
down_revision = "console_0002"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "console_import_refusals",
        sa.Column("import_id", shared.db.types.Id(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "place", name=op.f("pk_console_import_refusals")),
    )
    op.create_index("ix_console_import_refusals_ends_at", "console_import_refusals", ["ends_at"])

    op.create_table(
        "console_imports",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("import_id", shared.db.types.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_trial", sa.Boolean(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("repeated", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("began_at", shared.db.types.Instant(), nullable=False),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_console_imports")),
    )
    op.create_index("ix_console_imports_ends_at", "console_imports", ["ends_at"])
