"""When an order, cart or customer came to lead to a number: what is older and comes later changes nothing."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "ingest_0004"
down_revision = "ingest_0003"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("ingest_subjects", sa.Column("as_of", shared.db.types.Instant(), nullable=True))
