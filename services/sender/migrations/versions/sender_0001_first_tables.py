"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_system_tables
from shared.db.storage import CHANGING, QUEUE

revision = "sender_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("sender")
    op.create_table(
        "sender_attempts",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("release", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("intent_at", shared.db.types.Instant(), nullable=False),
        sa.Column("deadline", shared.db.types.Instant(), nullable=False),
        sa.Column("accepted_at", shared.db.types.Instant(), nullable=True),
        sa.Column("concluded_at", shared.db.types.Instant(), nullable=True),
        sa.Column("after_follow_up_id", shared.db.types.Id(), nullable=True),
        sa.Column("made_by", shared.db.types.Id(), nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index(
        "uq_sender_attempts_live",
        "sender_attempts",
        ["follow_up_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('accepted', 'assumed_sent', 'intent', 'unknown')"),
        postgresql_where=sa.text("state IN ('accepted', 'assumed_sent', 'intent', 'unknown')"),
    )
    op.create_table(
        "sender_clicks",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("at", shared.db.types.Instant(), nullable=False),
        sa.Column("is_robot", sa.Boolean(), nullable=False),
        sa.Column("robot_cause", sa.Text(), nullable=True),
    )
    op.create_index("ix_sender_clicks_code", "sender_clicks", ["code"])
    op.create_table(
        "sender_closed_merchants",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("closed_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "sender_conversions",
        sa.Column("purchase_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("trigger_id", shared.db.types.Id(), nullable=True),
        sa.Column("purchased_at", shared.db.types.Instant(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("touched_at", shared.db.types.Instant(), nullable=True),
        sa.Column("window_hours", sa.Integer(), nullable=True),
        sa.Column("deductions", shared.db.types.Json(), nullable=False),
        sa.Column("remaining_minor", sa.BigInteger(), nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_sender_conversions_recipient_id", "sender_conversions", ["recipient_id"])
    op.create_table(
        "sender_dispatches",
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", shared.db.types.Id(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("release", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sender_number", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("ready_at", shared.db.types.Instant(), nullable=False),
        sa.Column("first_queued_at", shared.db.types.Instant(), nullable=False),
        sa.Column("first_due_at", shared.db.types.Instant(), nullable=True),
        sa.Column("valid_until", shared.db.types.Instant(), nullable=True),
        sa.Column("window_closes_at", shared.db.types.Instant(), nullable=True),
        sa.Column("expires_at", shared.db.types.Instant(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("contact", sa.LargeBinary(), nullable=True),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("first_contact", sa.Boolean(), nullable=False),
        sa.Column("resend", sa.Text(), nullable=False),
        sa.Column("click_days", sa.Integer(), nullable=False),
        sa.Column("delivered_hours", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("retry_at", shared.db.types.Instant(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index(
        "ix_sender_dispatches_claim",
        "sender_dispatches",
        ["sender_number", "priority", "ready_at", "partition"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index("ix_sender_dispatches_recipient_id", "sender_dispatches", ["recipient_id"])
    op.create_table(
        "sender_in_flight",
        sa.Column("attempt_id", shared.db.types.Id(), primary_key=True),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("deadline", shared.db.types.Instant(), nullable=False),
        sa.Column("look_at", shared.db.types.Instant(), nullable=False),
        sa.Column("absent_at", shared.db.types.Instant(), nullable=True),
        postgresql_with=QUEUE,
    )
    op.create_index("ix_sender_in_flight_recipient_id", "sender_in_flight", ["recipient_id"])
    op.create_table(
        "sender_number_health",
        sa.Column("sender_number", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("opens_at", shared.db.types.Instant(), nullable=True),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "sender_receipts",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("attempt_id", shared.db.types.Id(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_message_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_sender_receipts_attempt_id", "sender_receipts", ["attempt_id"])
    op.create_table(
        "sender_recipients",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("suppressed", sa.Text(), nullable=True),
        sa.Column("marketing_suppressed", sa.Boolean(), nullable=False),
        sa.Column("informational_suppressed", sa.Boolean(), nullable=False),
        sa.Column("keyword_seq", sa.BigInteger(), nullable=False),
        sa.Column("consent_epoch", sa.BigInteger(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("erased_at", shared.db.types.Instant(), nullable=True),
        sa.Column("last_follow_up_id", shared.db.types.Id(), nullable=True),
        sa.Column("last_sender_number", sa.Text(), nullable=True),
        sa.Column("last_intent_at", shared.db.types.Instant(), nullable=True),
        sa.Column("in_flight_at_stop", sa.BigInteger(), nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_table(
        "sender_replies",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("provider_message_id", sa.Text(), primary_key=True),
        sa.Column("reply_id", shared.db.types.Id(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("sender_number", sa.Text(), nullable=False),
        sa.Column("reply_class", sa.Text(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("keyword_seq", sa.BigInteger(), nullable=True),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=True),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_sender_replies_recipient_id", "sender_replies", ["recipient_id"])
    op.create_table(
        "sender_short_links",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("target", sa.LargeBinary(), nullable=True),
        sa.Column("click_days", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.Instant(), nullable=False),
        sa.Column("expires_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_sender_short_links_recipient_id", "sender_short_links", ["recipient_id"])
    op.create_table(
        "sender_touches",
        sa.Column("id", shared.db.types.Id(), primary_key=True),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("follow_up_id", shared.db.types.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", shared.db.types.Instant(), nullable=False),
        sa.Column("window_hours", sa.Integer(), nullable=False),
    )
    op.create_index("ix_sender_touches_recipient_id", "sender_touches", ["recipient_id"])
