"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_system_tables
from shared.db.storage import CHANGING, QUEUE

revision = "scheduler_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("scheduler")
    op.create_table(
        "scheduler_closed_merchants",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("closed_at", shared.db.types.Instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "scheduler_enrollments",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("trigger_id", shared.db.types.Id(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("entered_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_scheduler_enrollments_subject", "scheduler_enrollments", ["merchant_id", "subject"])
    op.create_table(
        "scheduler_entries",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("flow", sa.Text(), primary_key=True),
        sa.Column("entry_key_sha256", sa.LargeBinary(), primary_key=True),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "scheduler_flow_versions",
        sa.Column("version", sa.Text(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("first_started_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "scheduler_follow_ups",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("enrollment_id", shared.db.types.Id(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("release", sa.BigInteger(), nullable=False),
        sa.Column("is_too_late", sa.Boolean(), nullable=False),
        sa.Column("unwanted_as", sa.Text(), nullable=True),
        sa.Column("unwanted_reason", sa.Text(), nullable=True),
        sa.Column("proofs", shared.db.types.Json(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("first_due_at", shared.db.types.Instant(), nullable=False),
        sa.Column("due_at", shared.db.types.Instant(), nullable=False),
        sa.Column("due_local", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("expires_at", shared.db.types.Instant(), nullable=True),
        sa.Column("timer_at", shared.db.types.Instant(), nullable=True),
        sa.Column("accepted_at", shared.db.types.Instant(), nullable=True),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("policy", shared.db.types.Json(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("contact", sa.LargeBinary(), nullable=True),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("trigger_id", shared.db.types.Id(), nullable=True),
        sa.Column("consent_reports", shared.db.types.Json(), nullable=False),
        sa.Column("inbound_at", shared.db.types.Instant(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("created_at", shared.db.types.Instant(), nullable=False),
        sa.Column("updated_at", shared.db.types.Instant(), nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_scheduler_follow_ups_recipient_id", "scheduler_follow_ups", ["recipient_id"])
    op.create_table(
        "scheduler_in_flight",
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("released_at", shared.db.types.Instant(), nullable=False),
        postgresql_with=QUEUE,
    )
    op.create_table(
        "scheduler_lines",
        sa.Column("sender_number", sa.Text(), primary_key=True),
        sa.Column("priority", sa.Integer(), autoincrement=False, primary_key=True),
        sa.Column("due_at", shared.db.types.Instant(), primary_key=True),
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        postgresql_with=QUEUE,
    )
    op.create_table(
        "scheduler_recipients",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("total_spent_minor", sa.BigInteger(), nullable=False),
        sa.Column("last_order_at", shared.db.types.Instant(), nullable=True),
        sa.Column("consent_epoch", sa.BigInteger(), nullable=False),
        sa.Column("suppressed", sa.Text(), nullable=True),
        sa.Column("consents", shared.db.types.Json(), nullable=True),
        sa.Column("erased_at", shared.db.types.Instant(), nullable=True),
        postgresql_with=CHANGING,
    )
    op.create_table(
        "scheduler_state_changes",
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("at", shared.db.types.Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("happening", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("release", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "scheduler_timers",
        sa.Column("partition", sa.Integer(), autoincrement=False, primary_key=True),
        sa.Column("due_at", shared.db.types.Instant(), primary_key=True),
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
    )
    op.create_table(
        "scheduler_triggers_seen",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("event_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", shared.db.types.Instant(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
    )
