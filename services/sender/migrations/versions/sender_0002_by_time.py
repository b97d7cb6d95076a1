"""Old rows, and a merchant's newest, are found along an index; nothing growing is read through."""

from alembic import op

revision = "sender_0002"
down_revision = "sender_0001"

_INDEXES = (
    ("ix_sender_idempotency_keys_created_at", "sender_idempotency_keys", ["created_at"]),
    ("ix_sender_replies_received_at", "sender_replies", ["received_at"]),
    ("ix_sender_short_links_expires_at", "sender_short_links", ["expires_at"]),
    ("ix_sender_conversions_purchased_at", "sender_conversions", ["purchased_at"]),
)


def upgrade() -> None:
    """Bring the schema up."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
