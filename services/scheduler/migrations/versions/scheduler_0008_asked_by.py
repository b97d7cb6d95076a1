"""A text knows the API key on whose word it goes."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0008"
down_revision = "scheduler_0007"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("scheduler_follow_ups", sa.Column("asked_by", sa.Text))
