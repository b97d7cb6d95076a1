"""The ledger is listed by when its entries were recorded, for each merchant."""

from alembic import op

revision = "compliance_0008"
down_revision = "compliance_0007"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_index(
        "ix_compliance_consent_ledger_newest",
        "compliance_consent_ledger",
        ["merchant_id", "recorded_at", "entry_id"],
    )
