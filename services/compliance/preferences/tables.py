"""The tables of preferences."""

import sqlalchemy as sa

from services.compliance.tables import metadata
from shared.db.types import Id, Instant

preferences = sa.Table(
    "compliance_preferences",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("paused_until", Instant),
    sa.Column("is_fewer", sa.Boolean, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
"""One row a person who chose a pause or fewer texts; consent itself is in the ledger."""

revoked_links = sa.Table(
    "compliance_revoked_links",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("revoked_at", Instant, nullable=False),
)
"""One row a person whose links were revoked: those made until then do not open their page."""
