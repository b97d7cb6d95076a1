"""first tables."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.migration_tables import create_audit_tables, create_system_tables
from shared.db.storage import CHANGING, QUEUE

revision = "connectors_0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema up."""
    create_system_tables("connectors")
    op.create_index("ix_connectors_idempotency_keys_created_at", "connectors_idempotency_keys", ["created_at"])
    create_audit_tables("connectors")
    op.create_table(
        "connectors_deliveries",
        sa.Column("delivery_id", shared.db.types.Id(), primary_key=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("created_at", shared.db.types.Instant(), nullable=False),
        sa.Column("tried_since", shared.db.types.Instant(), nullable=False),
        sa.Column("next_at", shared.db.types.Instant(), nullable=True),
        sa.Column("ended_at", shared.db.types.Instant(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        postgresql_with=dict(QUEUE),
    )
    waiting = sa.text("next_at IS NOT NULL")
    op.create_index("ix_connectors_deliveries_recipient_id", "connectors_deliveries", ["recipient_id"])
    op.create_index(
        "ix_connectors_deliveries_waiting",
        "connectors_deliveries",
        ["merchant_id", "endpoint", "next_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_connectors_deliveries_newest", "connectors_deliveries", ["merchant_id", "delivery_id"])
    op.create_index(
        "ix_connectors_deliveries_of_state", "connectors_deliveries", ["merchant_id", "state", "delivery_id"]
    )
    op.create_table(
        "connectors_endpoints",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("endpoint", sa.Text(), primary_key=True),
        sa.Column("next_at", shared.db.types.Instant(), nullable=True),
        sa.Column("not_before", shared.db.types.Instant(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", shared.db.types.Instant(), nullable=True),
        postgresql_with=dict(CHANGING),
    )
    op.create_index(
        "ix_connectors_endpoints_ready",
        "connectors_endpoints",
        ["not_before"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "connectors_erased_people",
        sa.Column("recipient_id", shared.db.types.Id(), primary_key=True),
        sa.Column("erased_at", shared.db.types.Instant(), nullable=False),
    )
    op.create_index("ix_connectors_erased_people_erased_at", "connectors_erased_people", ["erased_at"])
