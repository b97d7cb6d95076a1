"""When an order, cart or customer came to lead to a number: what is older and comes later changes nothing."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "ingest_0004"
down_revision = "ingest_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("ingest_subjects", sa.Column("as_of", shared.db.types.Instant(), nullable=True))


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("ingest_subjects", "as_of")
