"""Up to when the replies to each number were listed."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "sender_0007"
down_revision = "sender_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "sender_heard_until",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("until", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "provider", "sender_number", name=op.f("pk_sender_heard_until")),
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("sender_heard_until")
