"""Parked events are listed by merchant."""

from shared.db.migration_tables import list_parked_events

revision = "connectors_0003"
down_revision = "connectors_0002"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("connectors")
