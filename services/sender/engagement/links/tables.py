"""The tables of short links and of visits to them."""

import sqlalchemy as sa

from services.sender.tables import metadata
from shared.db.types import Id, Instant

short_links = sa.Table(
    "sender_short_links",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("follow_up_id", Id, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("target", sa.LargeBinary, nullable=True),
    sa.Column("click_days", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
"""A code and its target (sealed; null once the person is erased); written with the intent of its text."""

clicks = sa.Table(
    "sender_clicks",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("code", sa.Text, nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("is_robot", sa.Boolean, nullable=False),
    sa.Column("robot_cause", sa.Text, nullable=True),
)
"""Visits. The id is derived from code, kind of visitor and minute, so that a repeat within it is no new row."""
