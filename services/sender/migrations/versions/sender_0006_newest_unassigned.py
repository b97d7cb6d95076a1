"""The replies of a merchant that belong to nobody are listed along an index."""

from alembic import op

revision = "sender_0006"
down_revision = "sender_0005"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_index(
        "ix_sender_unassigned_replies_newest",
        "sender_unassigned_replies",
        ["merchant_id", "received_at", "digest"],
    )
