"""Parked events are listed by merchant."""

from shared.db.migration_tables import list_parked_events

revision = "sender_0014"
down_revision = "sender_0013"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("sender")
