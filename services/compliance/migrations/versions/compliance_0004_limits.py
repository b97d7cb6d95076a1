"""New people and a day's spending are counted for each merchant, and who wrote first is known."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "compliance_0004"
down_revision = "compliance_0003"
branch_labels = None
depends_on = None

_OFTEN_CHANGED = {
    "fillfactor": 70,
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_analyze_scale_factor": 0,
    "autovacuum_analyze_threshold": 2000,
    "autovacuum_vacuum_cost_delay": 0,
}


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "compliance_newcomers",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("hour", shared.db.types.Instant(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("by_key", shared.db.types.Json(), nullable=False),
        sa.Column("by_prefix", sa.LargeBinary(), nullable=False),
        sa.Column("recent", shared.db.types.Json(), nullable=False),
        sa.Column("held_since", shared.db.types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_compliance_newcomers")),
        postgresql_with=_OFTEN_CHANGED,
    )
    op.create_table(
        "compliance_spending",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("day", shared.db.types.Instant(), nullable=False),
        sa.Column("share", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "day", "share", name=op.f("pk_compliance_spending")),
        postgresql_with=_OFTEN_CHANGED,
    )
    op.create_index("ix_compliance_spending_day", "compliance_spending", ["day"])
    op.add_column("compliance_standings", sa.Column("wrote_at", shared.db.types.Instant(), nullable=True))


def downgrade() -> None:
    """Take the schema back."""
    op.drop_column("compliance_standings", "wrote_at")
    op.drop_table("compliance_spending")
    op.drop_table("compliance_newcomers")
