"""How many texts of each merchant are planned and not ended is counted as they come and go."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0005"
down_revision = "scheduler_0004"
branch_labels = None
depends_on = None

_BEGIN = """
    INSERT INTO scheduler_pending_counts (merchant_id, partition, texts)
    SELECT merchant_id, partition, count(*) FROM scheduler_follow_ups
    WHERE state IN ('pending', 'released') GROUP BY merchant_id, partition
"""


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "scheduler_pending_counts",
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("texts", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "partition", name="pk_scheduler_pending_counts"),
        postgresql_with={
            "fillfactor": 70,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 2_000,
            "autovacuum_analyze_scale_factor": 0,
            "autovacuum_analyze_threshold": 2_000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.execute(_BEGIN)


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("scheduler_pending_counts")
