"""People pause and stop texts, and are told how many of each flow that concerns."""

import sqlalchemy as sa
from alembic import op

from shared.db.storage import QUEUE
from shared.db.types import Id, Instant

revision = "scheduler_0009"
down_revision = "scheduler_0008"

_COUNT = """
    INSERT INTO scheduler_pending_counts (merchant_id, partition, flow, texts)
    SELECT merchant_id, partition, flow, count(*) FROM scheduler_follow_ups
    WHERE state IN ('pending', 'released') GROUP BY merchant_id, partition, flow
"""


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "scheduler_controls",
        sa.Column("id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("flow", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("recipient_id", Id),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("until", Instant),
        sa.Column("lifted_at", Instant),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("in_force_at", Instant),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lift_reason", sa.LargeBinary),
        sa.Column("cancelled", sa.BigInteger, nullable=False),
        sa.Column("worked_to", Id),
        sa.Column("open_work", sa.Boolean, nullable=False),
    )
    op.create_index("ix_scheduler_controls_in_force", "scheduler_controls", ["merchant_id", "lifted_at"])
    op.create_index("ix_scheduler_controls_recipient_id", "scheduler_controls", ["recipient_id"])
    op.create_index("ix_scheduler_controls_open_work", "scheduler_controls", ["open_work"])
    op.create_table(
        "scheduler_paused",
        sa.Column("control_id", Id, primary_key=True),
        sa.Column("follow_up_id", Id, primary_key=True),
        postgresql_with=QUEUE,
    )
    op.create_index("ix_scheduler_paused_follow_up_id", "scheduler_paused", ["follow_up_id"])
    op.drop_table("scheduler_pending_counts")
    op.create_table(
        "scheduler_pending_counts",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, autoincrement=False, primary_key=True),
        sa.Column("flow", sa.Text, primary_key=True),
        sa.Column("texts", sa.BigInteger, nullable=False),
        postgresql_with=QUEUE,
    )
    op.execute(_COUNT)
