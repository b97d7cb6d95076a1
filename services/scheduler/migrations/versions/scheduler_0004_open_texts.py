"""A person's open texts are found without those that ended, and what they did since a moment without the rest."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "scheduler_0004"
down_revision = "scheduler_0003"

_RUNNING = "('pending', 'released', 'dispatched')"


def upgrade() -> None:
    """Bring the schema up; what ended long ago counts as ended when it last changed."""
    op.add_column("scheduler_follow_ups", sa.Column("ended_at", shared.db.types.Instant(), nullable=True))
    op.execute(sa.text(f"UPDATE scheduler_follow_ups SET ended_at = updated_at WHERE state NOT IN {_RUNNING}"))  # noqa: S608 - our own words
    op.drop_index("ix_scheduler_follow_ups_recipient_id", table_name="scheduler_follow_ups")
    op.create_index("ix_scheduler_follow_ups_of_person", "scheduler_follow_ups", ["recipient_id", "ended_at"])
    op.create_index("ix_scheduler_triggers_seen_of_person", "scheduler_triggers_seen", ["recipient_id", "occurred_at"])
