"""The versions of one flow are found by its name."""

from alembic import op

revision = "scheduler_0014"
down_revision = "scheduler_0013"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_index(
        "ix_scheduler_flow_versions_of_flow", "scheduler_flow_versions", ["merchant_id", "flow", "first_started_at"]
    )
