"""Which flows the merchant files have, so that one that is removed while texts of it are planned is noticed."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Id, Instant

revision = "scheduler_0013"
down_revision = "scheduler_0012"

_PLANNED = """
    INSERT INTO scheduler_flow_files (merchant_id, flow, version)
    SELECT DISTINCT merchant_id, flow, '' FROM scheduler_pending_counts
    WHERE texts > 0 AND flow NOT IN ('api', 'answer')
    UNION SELECT DISTINCT merchant_id, '*', '' FROM scheduler_pending_counts WHERE texts > 0
"""
"""What had files once: some may have been deleted before this release, while their texts are planned."""


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "scheduler_flow_files",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("flow", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("missing_since", Instant),
        sa.Column("control_id", Id),
    )
    op.execute(_PLANNED)
