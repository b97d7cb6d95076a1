"""What people do is entered into an audit log."""

from shared.db.migration_tables import create_audit_tables

revision = "compliance_0006"
down_revision = "compliance_0005"


def upgrade() -> None:
    """Bring the schema up."""
    create_audit_tables("compliance")
