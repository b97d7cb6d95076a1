"""Parked events are listed by merchant."""

from shared.db.migration_tables import list_parked_events

revision = "scheduler_0016"
down_revision = "scheduler_0015"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("scheduler")
