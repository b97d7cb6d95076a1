"""A released text says what its call met, and when somebody looks again."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Instant

revision = "scheduler_0007"
down_revision = "scheduler_0006"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("scheduler_follow_ups", sa.Column("waits_until", Instant))
    op.add_column("scheduler_follow_ups", sa.Column("waits_detail", sa.Text))
