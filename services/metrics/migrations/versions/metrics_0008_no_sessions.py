"""Sessions belong to the console."""

from alembic import op

revision = "metrics_0008"
down_revision = "metrics_0007"


def upgrade() -> None:
    """Bring the schema up; who was signed in signs in again."""
    op.drop_index("ix_metrics_sessions_ended", "metrics_sessions")
    op.drop_table("metrics_sessions")
