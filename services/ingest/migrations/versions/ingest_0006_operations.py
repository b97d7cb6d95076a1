"""Quarantine is listed along an index, sources are counted by the hour, and what people do is in an audit log."""

import sqlalchemy as sa
from alembic import op

from shared.db.migration_tables import create_audit_tables
from shared.db.storage import CHANGING
from shared.db.types import Instant

revision = "ingest_0006"
down_revision = "ingest_0005"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_index("ix_ingest_quarantine_newest", "ingest_quarantine", ["merchant_id", "delivery_id"])
    op.create_table(
        "ingest_source_hours",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("hour", Instant, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("deliveries", sa.BigInteger, nullable=False),
        postgresql_with=CHANGING,
    )
    op.create_index("ix_ingest_source_hours_hour", "ingest_source_hours", ["hour"])
    op.create_table(
        "ingest_source_states",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("last_delivery_at", Instant),
        sa.Column("last_error_at", Instant),
        sa.Column("last_error", sa.Text),
        postgresql_with=CHANGING,
    )
    create_audit_tables("ingest")
