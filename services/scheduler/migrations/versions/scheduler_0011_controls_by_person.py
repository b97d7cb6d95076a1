"""The controls on a text are found by its person, however many other people its merchant has paused."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0011"
down_revision = "scheduler_0010"

_OF_MANY = "recipient_id IS NULL AND lifted_at IS NULL"


def upgrade() -> None:
    """Bring the schema up."""
    table, of_many = "scheduler_controls", sa.text(_OF_MANY)
    op.drop_index("ix_scheduler_controls_recipient_id", table)
    op.create_index("ix_scheduler_controls_of_person", table, ["recipient_id", "lifted_at"])
    op.create_index(
        "ix_scheduler_controls_of_many", table, ["merchant_id"], sqlite_where=of_many, postgresql_where=of_many
    )
