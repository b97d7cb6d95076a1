"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_system_tables
from shared.db.storage import CHANGING

revision = "metrics_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("metrics")
    op.create_table(
        "metrics_customer_orders",
        sa.Column("event_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("ordered_at", shared.db.types.Instant(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
    )
    op.create_index("ix_metrics_customer_orders_time", "metrics_customer_orders", ["merchant_id", "ordered_at"])
    op.create_table(
        "metrics_facts",
        sa.Column("event_id", shared.db.types.Id(), primary_key=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=True),
        sa.Column("occurred_at", shared.db.types.Instant(), nullable=False),
        sa.Column("recorded_at", shared.db.types.Instant(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_metrics_facts_follow_up_id", "metrics_facts", ["follow_up_id"])
    op.create_index(
        "ix_metrics_facts_person",
        "metrics_facts",
        ["recipient_id"],
        sqlite_where=sa.text("follow_up_id IS NULL"),
        postgresql_where=sa.text("follow_up_id IS NULL"),
    )
    op.create_index("ix_metrics_facts_time", "metrics_facts", ["merchant_id", "occurred_at"])
    op.create_table(
        "metrics_follow_ups",
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("route_release", sa.BigInteger(), nullable=False),
        sa.Column("trigger_id", shared.db.types.Id(), nullable=True),
        sa.Column("planned_at", shared.db.types.Instant(), nullable=True),
        sa.Column("due_at", shared.db.types.Instant(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
        sa.Column("is_engaged", sa.Boolean(), nullable=False),
        sa.Column("clicked_by", shared.db.types.Id(), nullable=True),
        sa.Column("replied_by", shared.db.types.Id(), nullable=True),
        sa.Column("opted_out_by", shared.db.types.Id(), nullable=True),
        sa.Column("converted_by", shared.db.types.Id(), nullable=True),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_metrics_follow_ups_recipient_id", "metrics_follow_ups", ["recipient_id"])
    op.create_index(
        "ix_metrics_follow_ups_trouble",
        "metrics_follow_ups",
        ["merchant_id", "changed_at"],
        sqlite_where=sa.text("state IN ('unknown', 'blocked', 'failed')"),
        postgresql_where=sa.text("state IN ('unknown', 'blocked', 'failed')"),
    )
    op.create_table(
        "metrics_rollups",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("hour", shared.db.types.Instant(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "merchant_id",
            "hour",
            "measure",
            "detail",
            "flow",
            "flow_version",
            "step",
            "purpose",
            "segment",
            "provider",
            "sender_number",
            name="pk_metrics_rollups",
        ),
        postgresql_with=CHANGING,
    )
