"""What people do is entered into an audit log."""

from shared.db.migration_tables import create_audit_tables

revision = "scheduler_0012"
down_revision = "scheduler_0011"


def upgrade() -> None:
    """Bring the schema up."""
    create_audit_tables("scheduler")
