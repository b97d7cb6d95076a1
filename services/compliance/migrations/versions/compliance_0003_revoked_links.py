"""Links to preference pages can be taken back."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "compliance_0003"
down_revision = "compliance_0002"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "compliance_revoked_links",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("revoked_at", shared.db.types.Instant(), nullable=False),
    )
