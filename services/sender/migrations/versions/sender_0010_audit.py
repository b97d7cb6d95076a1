"""What people do is entered into an audit log."""

from shared.db.migration_tables import create_audit_tables

revision = "sender_0010"
down_revision = "sender_0009"


def upgrade() -> None:
    """Bring the schema up."""
    create_audit_tables("sender")
