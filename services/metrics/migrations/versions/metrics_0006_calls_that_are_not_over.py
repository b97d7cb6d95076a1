"""A call without an answer, and one that is made again, are shown and listed."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Instant

revision = "metrics_0006"
down_revision = "metrics_0005"

_INDEX = "ix_metrics_follow_ups_waiting"
_TABLE = "metrics_follow_ups"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column(_TABLE, sa.Column("waits_until", Instant))
    op.add_column(_TABLE, sa.Column("waits_detail", sa.Text, nullable=False, server_default=""))
    waiting = sa.text("waits_until IS NOT NULL")
    op.create_index(_INDEX, _TABLE, ["merchant_id", "changed_at"], sqlite_where=waiting, postgresql_where=waiting)
