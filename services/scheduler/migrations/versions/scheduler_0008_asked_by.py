"""A text knows the API key on whose word it goes."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0008"
down_revision = "scheduler_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("scheduler_follow_ups", sa.Column("asked_by", sa.Text))


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("scheduler_follow_ups", "asked_by")
