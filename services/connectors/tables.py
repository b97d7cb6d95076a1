"""The tables of connectors."""

import sqlalchemy as sa

from shared.db.audit_store import audit_tables_of
from shared.db.storage import CHANGING, QUEUE
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant

metadata, system_tables = metadata_of("connectors")
audit_tables = audit_tables_of(metadata, "connectors")

deliveries = sa.Table(
    "connectors_deliveries",
    metadata,
    sa.Column("delivery_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("tried_since", Instant, nullable=False),
    sa.Column("next_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("problem", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Index(
        "ix_connectors_deliveries_waiting",
        "merchant_id",
        "endpoint",
        "next_at",
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    ),
    sa.Index("ix_connectors_deliveries_newest", "merchant_id", "delivery_id"),
    sa.Index("ix_connectors_deliveries_of_state", "merchant_id", "state", "delivery_id"),
    postgresql_with=QUEUE,
)
"""One notification for one endpoint; the id is derived from both, and the receiver knows repeats by it.
`next_at` is empty unless it is pending; `body` is sealed, and blanked once it is delivered or its person is erased."""

endpoints = sa.Table(
    "connectors_endpoints",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("next_at", Instant),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("failing_since", Instant),
    sa.Column("delivered_at", Instant),
    sa.Index(
        "ix_connectors_endpoints_ready",
        "not_before",
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    ),
    postgresql_with=CHANGING,
)
"""When an endpoint has something due (`next_at`), and when it may be called again (`not_before`): the end of a lease
while a process calls it, of a pause after failures in a row; `delivered_at` is when it last took one."""

mail_hours = sa.Table(
    "connectors_mail_hours",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("hour", Instant, nullable=False),
    sa.Column("mails", sa.BigInteger, nullable=False),
    postgresql_with=CHANGING,
)
"""How many mails a merchant was sent in its latest hour with any."""

erased_people = sa.Table(
    "connectors_erased_people",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("erased_at", Instant, nullable=False, index=True),
)
"""Who was erased lately: an earlier event about them that arrives late is not forwarded."""
