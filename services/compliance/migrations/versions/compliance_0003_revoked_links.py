"""Links to preference pages can be taken back."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "compliance_0003"
down_revision = "compliance_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "compliance_revoked_links",
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("revoked_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_compliance_revoked_links")),
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("compliance_revoked_links")
