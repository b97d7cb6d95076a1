"""Old rows, and a merchant's newest, are found along an index; nothing growing is read through."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0003"
down_revision = "scheduler_0002"

_SUBJECT = "ix_scheduler_enrollments_subject"
_INDEXES = (
    ("ix_scheduler_idempotency_keys_created_at", "scheduler_idempotency_keys", ["created_at"]),
    ("ix_scheduler_enrollments_newest", "scheduler_enrollments", ["merchant_id", "id"]),
    ("ix_scheduler_entries_entered_at", "scheduler_entries", ["entered_at"]),
    ("ix_scheduler_follow_ups_newest", "scheduler_follow_ups", ["merchant_id", "id"]),
    ("ix_scheduler_triggers_seen_occurred_at", "scheduler_triggers_seen", ["occurred_at"]),
)


def upgrade() -> None:
    """Bring the schema up."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    op.drop_index(_SUBJECT, table_name="scheduler_enrollments")
    named = sa.text("subject IS NOT NULL")
    op.create_index(
        _SUBJECT, "scheduler_enrollments", ["merchant_id", "subject"], sqlite_where=named, postgresql_where=named
    )
