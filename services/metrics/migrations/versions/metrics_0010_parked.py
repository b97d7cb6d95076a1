"""Parked events are listed by merchant, and what people do is in an audit log."""

from shared.db.migration_tables import create_audit_tables, list_parked_events

revision = "metrics_0010"
down_revision = "metrics_0009"


def upgrade() -> None:
    """Bring the schema up."""
    list_parked_events("metrics")
    create_audit_tables("metrics")
