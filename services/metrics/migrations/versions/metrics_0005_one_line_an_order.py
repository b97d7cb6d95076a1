"""One line an order, whoever tells of it; what was taken back is taken off."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Instant

revision = "metrics_0005"
down_revision = "metrics_0004"

_TABLE = "metrics_customer_orders"
_COLUMNS = (
    ("refunded_minor", sa.BigInteger),
    ("refund_currency", sa.Text),
    ("cancelled_at", Instant),
    ("is_awaited", sa.Boolean),
)


def upgrade() -> None:
    """Bring the schema up; what is in the book already keeps its own ids."""
    op.execute(f"ALTER TABLE {_TABLE} RENAME COLUMN event_id TO order_id")
    for name, kind in _COLUMNS:
        op.add_column(_TABLE, sa.Column(name, kind))
