"""Parked events are listed by merchant."""

from shared.db.migration_tables import list_parked_events

revision = "compliance_0007"
down_revision = "compliance_0006"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("compliance")
