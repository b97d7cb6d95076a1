"""What a person bought, cancelled and got back of one order is found without the rest of what they did."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0006"
down_revision = "scheduler_0005"

_INDEX = "ix_scheduler_triggers_seen_deals"
_DEALS = "kind IN ('purchase', 'refund', 'cancellation', 'number_changed')"


def upgrade() -> None:
    """Bring the schema up."""
    deals = sa.text(_DEALS)
    columns = ["recipient_id", "subject"]
    op.create_index(_INDEX, "scheduler_triggers_seen", columns, sqlite_where=deals, postgresql_where=deals)
