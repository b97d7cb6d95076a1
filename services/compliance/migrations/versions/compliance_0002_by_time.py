"""Old rows, and a merchant's newest, are found along an index; nothing growing is read through."""

from alembic import op

revision = "compliance_0002"
down_revision = "compliance_0001"

_INDEXES = (
    ("ix_compliance_idempotency_keys_created_at", "compliance_idempotency_keys", ["created_at"]),
    ("ix_compliance_privacy_requests_newest", "compliance_privacy_requests", ["merchant_id", "kind", "request_id"]),
    ("ix_compliance_consent_ledger_recorded_at", "compliance_consent_ledger", ["recorded_at"]),
)


def upgrade() -> None:
    """Bring the schema up."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
