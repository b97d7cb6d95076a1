"""The inbox is filtered by who handles a conversation; one that was assigned before is found once assigned again."""

import sqlalchemy as sa
from alembic import op

revision = "sender_0013"
down_revision = "sender_0012"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("sender_conversations", sa.Column("assignee_key", sa.LargeBinary, nullable=True))
    op.create_index(
        "ix_sender_conversations_assignee",
        "sender_conversations",
        ["merchant_id", "assignee_key", "rank", "newest_at", "recipient_id"],
        sqlite_where=sa.text("assignee_key IS NOT NULL"),
        postgresql_where=sa.text("assignee_key IS NOT NULL"),
    )
