"""Parked events are listed by merchant."""

from shared.db.migration_tables import list_parked_events

revision = "console_0002"
down_revision = "console_0001"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("console")
