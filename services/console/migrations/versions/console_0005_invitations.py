"""Invitations: links by which people make their own users, by hash, and what became of each."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "console_0005"
down_revision = "console_0004"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "console_invitations",
        sa.Column("invitation_id", shared.db.types.Id(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", shared.db.types.Instant(), nullable=False),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("used_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_console_invitations")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_console_invitations_token_sha256")),
    )
    op.create_index("ix_console_invitations_ends_at", "console_invitations", ["ends_at"])
    op.create_index("ix_console_invitations_merchant_id", "console_invitations", ["merchant_id"])
