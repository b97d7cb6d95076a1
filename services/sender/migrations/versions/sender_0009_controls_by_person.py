"""The controls on a text are found by its person, however many other people its merchant has paused."""

import sqlalchemy as sa
from alembic import op

revision = "sender_0009"
down_revision = "sender_0008"

_OF_MANY = "recipient_id IS NULL AND lifted_at IS NULL"


def upgrade() -> None:
    """Bring the schema up."""
    table, of_many = "sender_controls", sa.text(_OF_MANY)
    op.drop_index("ix_sender_controls_recipient_id", table)
    op.create_index("ix_sender_controls_of_person", table, ["recipient_id", "lifted_at"])
    op.create_index(
        "ix_sender_controls_of_many", table, ["merchant_id"], sqlite_where=of_many, postgresql_where=of_many
    )
