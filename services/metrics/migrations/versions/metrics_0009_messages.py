"""The list of messages: a merchant's, those of one state, and those of one person are found along an index."""

import sqlalchemy as sa
from alembic import op

revision = "metrics_0009"
down_revision = "metrics_0008"

_TABLE = "metrics_follow_ups"


def upgrade() -> None:
    """Bring the schema up."""
    not_delivered = sa.text("state <> 'delivered'")
    op.create_index("ix_metrics_follow_ups_newest", _TABLE, ["merchant_id", "follow_up_id"])
    op.create_index("ix_metrics_follow_ups_of_person", _TABLE, ["recipient_id", "follow_up_id"])
    op.create_index(
        "ix_metrics_follow_ups_of_state",
        _TABLE,
        ["merchant_id", "state", "follow_up_id"],
        sqlite_where=not_delivered,
        postgresql_where=not_delivered,
    )
    op.drop_index("ix_metrics_follow_ups_recipient_id", table_name=_TABLE)
