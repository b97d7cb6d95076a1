"""Old sums and old orders are found along an index, so that they can go."""

from alembic import op

revision = "metrics_0007"
down_revision = "metrics_0006"

_INDEXES = (
    ("ix_metrics_rollups_hour", "metrics_rollups", ["hour"]),
    ("ix_metrics_customer_orders_ordered_at", "metrics_customer_orders", ["ordered_at"]),
)


def upgrade() -> None:
    """Bring the schema up."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
