"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_system_tables
from shared.db.storage import CHANGING

revision = "compliance_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("compliance")
    op.create_table(
        "compliance_certificates",
        sa.Column("request_id", shared.db.types.Id(), primary_key=True),
        sa.Column("service", sa.Text(), primary_key=True),
        sa.Column("blanked", shared.db.types.Json(), nullable=False),
        sa.Column("erased_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "compliance_closed_merchants",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("closed_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "compliance_consent_ledger",
        sa.Column("entry_id", shared.db.types.Id(), primary_key=True),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_at", shared.db.types.Instant(), nullable=False),
        sa.UniqueConstraint("recipient_id", "position", name="uq_compliance_consent_ledger_recipient_id"),
    )
    op.create_index("ix_compliance_consent_ledger_recipient_id", "compliance_consent_ledger", ["recipient_id"])
    op.create_table(
        "compliance_daily_roots",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("signed_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "compliance_decisions",
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("release", sa.BigInteger(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_compliance_decisions_recipient_id", "compliance_decisions", ["recipient_id"])
    op.create_table(
        "compliance_erasures",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("erased_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "compliance_export_parts",
        sa.Column("request_id", shared.db.types.Id(), primary_key=True),
        sa.Column("service", sa.Text(), primary_key=True),
        sa.Column("part", sa.Integer(), primary_key=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("handed_over_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_compliance_export_parts_recipient_id", "compliance_export_parts", ["recipient_id"])
    op.create_table(
        "compliance_preferences",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("paused_until", shared.db.types.Instant(), nullable=True),
        sa.Column("is_fewer", sa.Boolean(), nullable=False),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "compliance_privacy_requests",
        sa.Column("request_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("requested_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "compliance_send_slots",
        sa.Column("follow_up_id", shared.db.types.Id(), primary_key=True),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("release", sa.BigInteger(), nullable=False),
        sa.Column("reserved_at", shared.db.types.Instant(), nullable=False),
        sa.Column("sent_at", shared.db.types.Instant(), nullable=True),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_compliance_send_slots_recipient_id", "compliance_send_slots", ["recipient_id"])
    op.create_table(
        "compliance_standings",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.LargeBinary(), nullable=False),
        sa.Column("chain_hash", sa.Text(), nullable=False),
        sa.Column("review_since", shared.db.types.Instant(), nullable=True),
        sa.Column("texted_at", shared.db.types.Instant(), nullable=True),
        sa.Column("changed_at", shared.db.types.Instant(), nullable=False),
        postgresql_with=CHANGING,
    )
