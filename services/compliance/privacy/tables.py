"""The tables of rights: what was asked for, who has blanked what, what was handed over."""

import sqlalchemy as sa

from services.compliance.tables import metadata
from shared.db.types import Id, Instant, Json

privacy_requests = sa.Table(
    "compliance_privacy_requests",
    metadata,
    sa.Column("request_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Index("ix_compliance_privacy_requests_newest", "merchant_id", "kind", "request_id"),
)
"""One row a request, by API or platform; the recipient id is nil where a whole shop is to be forgotten."""

certificates = sa.Table(
    "compliance_certificates",
    metadata,
    sa.Column("request_id", Id, primary_key=True),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("blanked", Json, nullable=False),
    sa.Column("erased_at", Instant, nullable=False),
)
"""What one service blanked for one erasure: rows by table."""

export_parts = sa.Table(
    "compliance_export_parts",
    metadata,
    sa.Column("request_id", Id, primary_key=True),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("handed_over_at", Instant, nullable=False),
)
"""What one service handed over for one export, sealed; deleted with the person's erasure, and after a month."""
