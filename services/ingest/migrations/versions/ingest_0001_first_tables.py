"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_system_tables
from shared.db.storage import CHANGING

revision = "ingest_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("ingest")
    op.create_table(
        "ingest_deliveries",
        sa.Column("delivery_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("received_at", shared.db.types.Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=True),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_ingest_deliveries_recipient_id", "ingest_deliveries", ["recipient_id"])
    op.create_table(
        "ingest_delivery_keys",
        sa.Column("key_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("delivery_id", shared.db.types.Id(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "ingest_published",
        sa.Column("event_id", shared.db.types.Id(), primary_key=True),
    )
    op.create_table(
        "ingest_quarantine",
        sa.Column("delivery_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("received_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_table(
        "ingest_subjects",
        sa.Column("join_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("updated_at", shared.db.types.Instant(), nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_ingest_subjects_recipient_id", "ingest_subjects", ["recipient_id"])
