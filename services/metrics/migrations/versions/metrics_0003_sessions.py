"""Console sessions are kept by the server."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "metrics_0003"
down_revision = "metrics_0002"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "metrics_sessions",
        sa.Column("token_sha256", sa.LargeBinary(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_metrics_sessions_ended", "metrics_sessions", ["merchant_id", "ends_at"])
