"""How many texts of each merchant are planned and not ended is counted as they come and go."""

import sqlalchemy as sa
from alembic import op

from shared.db.storage import QUEUE

revision = "scheduler_0005"
down_revision = "scheduler_0004"

_BEGIN = """
    INSERT INTO scheduler_pending_counts (merchant_id, partition, texts)
    SELECT merchant_id, partition, count(*) FROM scheduler_follow_ups
    WHERE state IN ('pending', 'released') GROUP BY merchant_id, partition
"""


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "scheduler_pending_counts",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, autoincrement=False, primary_key=True),
        sa.Column("texts", sa.BigInteger, nullable=False),
        postgresql_with=QUEUE,
    )
    op.execute(_BEGIN)
