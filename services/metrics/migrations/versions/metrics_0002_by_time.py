"""Old rows, and a merchant's newest, are found along an index; nothing growing is read through."""

from alembic import op

revision = "metrics_0002"
down_revision = "metrics_0001"

_INDEXES = (("ix_metrics_idempotency_keys_created_at", "metrics_idempotency_keys", ["created_at"]),)


def upgrade() -> None:
    """Bring the schema up."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
