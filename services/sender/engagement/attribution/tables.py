"""The tables of touches and of purchases with their credit."""

import sqlalchemy as sa

from services.sender.tables import metadata
from shared.db.storage import CHANGING
from shared.db.types import Id, Instant, Json

touches = sa.Table(
    "sender_touches",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("follow_up_id", Id, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("window_hours", sa.Integer, nullable=False),
)
"""Deliveries (id: the follow-up's) and people's clicks (id: the click's), looked up by person for each purchase."""

conversions = sa.Table(
    "sender_conversions",
    metadata,
    sa.Column("purchase_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("trigger_id", Id, nullable=True),
    sa.Column("purchased_at", Instant, nullable=True, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=True),
    sa.Column("currency", sa.Text, nullable=True),
    sa.Column("follow_up_id", Id, nullable=True),
    sa.Column("model", sa.Text, nullable=True),
    sa.Column("touched_at", Instant, nullable=True),
    sa.Column("window_hours", sa.Integer, nullable=True),
    sa.Column("deductions", Json, nullable=False),
    sa.Column("remaining_minor", sa.BigInteger, nullable=False),
    postgresql_with=CHANGING,
)
"""One row for each purchase (`purchase_id` is derived from merchant and subject), credited or not, so that none is
credited twice. Without a trigger, only a deduction is known so far."""
