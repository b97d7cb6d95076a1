"""Console sessions are kept by the server."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "metrics_0003"
down_revision = "metrics_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "metrics_sessions",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("ends_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_metrics_sessions")),
    )
    op.create_index("ix_metrics_sessions_ended", "metrics_sessions", ["merchant_id", "ends_at"])


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index("ix_metrics_sessions_ended", table_name="metrics_sessions")
    op.drop_table("metrics_sessions")
