"""New people and a day's spending are counted for each merchant, and who wrote first is known."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.storage import QUEUE

revision = "compliance_0004"
down_revision = "compliance_0003"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "compliance_newcomers",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("hour", shared.db.types.Instant(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("by_key", shared.db.types.Json(), nullable=False),
        sa.Column("by_prefix", sa.LargeBinary(), nullable=False),
        sa.Column("recent", shared.db.types.Json(), nullable=False),
        sa.Column("held_since", shared.db.types.Instant(), nullable=True),
        postgresql_with=QUEUE,
    )
    op.create_table(
        "compliance_spending",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("day", shared.db.types.Instant(), primary_key=True),
        sa.Column("share", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        postgresql_with=QUEUE,
    )
    op.create_index("ix_compliance_spending_day", "compliance_spending", ["day"])
    op.add_column("compliance_standings", sa.Column("wrote_at", shared.db.types.Instant(), nullable=True))
