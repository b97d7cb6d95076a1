"""What was told of an order's total: an edit is told by the difference, a refund converted by the order's ratio."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0005"
down_revision = "ingest_0004"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("ingest_subjects", sa.Column("total", sa.Text(), nullable=True))
