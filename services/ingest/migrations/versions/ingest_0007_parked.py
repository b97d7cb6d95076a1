"""Parked events are listed by merchant."""

from shared.db.migration_tables import list_parked_events

revision = "ingest_0007"
down_revision = "ingest_0006"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("ingest")
