"""Texts of which nobody knows whether they were sent are listed along an index, with what the provider last said."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Instant

revision = "sender_0012"
down_revision = "sender_0011"

_UNRESOLVED = sa.text("state = 'unknown' OR state = 'assumed_sent' AND reason = 'not_provable'")


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("sender_in_flight", sa.Column("asked_at", Instant))
    op.add_column("sender_in_flight", sa.Column("answer", sa.Text))
    op.create_index(
        "ix_sender_attempts_unresolved",
        "sender_attempts",
        ["merchant_id", "id"],
        sqlite_where=_UNRESOLVED,
        postgresql_where=_UNRESOLVED,
    )
