"""The tables of ingest."""

import sqlalchemy as sa

from shared.db.audit_store import audit_tables_of
from shared.db.storage import CHANGING
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant

metadata, system_tables = metadata_of("ingest")
audit_tables = audit_tables_of(metadata, "ingest")

deliveries = sa.Table(
    "ingest_deliveries",
    metadata,
    sa.Column("delivery_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, index=True),
    sa.Column("keys", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("headers", sa.LargeBinary, nullable=False),
)
"""Every genuine delivery as received, encrypted; `keys` are the keys of its rows in delivery_keys, concatenated."""

delivery_keys = sa.Table(
    "ingest_delivery_keys",
    metadata,
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("delivery_id", Id, nullable=False),
    sa.Column("body_sha256", sa.LargeBinary, nullable=False),
)
"""Keys by which a repeat is recognized: merchant, source and each of the delivery's own keys, hashed.

The body's hash is keyed with the hash key of recipients, and blanked when its person is erased.
"""

published = sa.Table(
    "ingest_published",
    metadata,
    sa.Column("event_id", Id, primary_key=True),
)
"""Ids of published events: the same event in another delivery is not published again."""

subjects = sa.Table(
    "ingest_subjects",
    metadata,
    sa.Column("join_hash", sa.LargeBinary, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("contact", sa.LargeBinary, nullable=False),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("as_of", Instant),
    sa.Column("total", sa.Text),
    postgresql_with=CHANGING,
)
"""The current person, encrypted, behind each order, cart and customer (a keyed hash), and behind each place where
consent was given. `as_of` is the source's time of that state: an older delivery that arrives later changes nothing.
`total` is the published total of an order."""

former_people = sa.Table(
    "ingest_former_people",
    metadata,
    sa.Column("former_key", sa.LargeBinary, primary_key=True),
    sa.Column("join_hash", sa.LargeBinary, nullable=False, index=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("contact", sa.LargeBinary, nullable=False),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)
"""The people behind an order, cart or customer before its number changed; privacy requests concern them too.
The key is the hash of the order, cart or customer and the person's id."""

quarantine = sa.Table(
    "ingest_quarantine",
    metadata,
    sa.Column("delivery_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)
"""Genuine deliveries that could not be read, and why; the body is in deliveries."""

sa.Index("ix_ingest_quarantine_newest", quarantine.c.merchant_id, quarantine.c.delivery_id)

source_hours = sa.Table(
    "ingest_source_hours",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("hour", Instant, primary_key=True),
    sa.Column("outcome", sa.Text, primary_key=True),
    sa.Column("deliveries", sa.BigInteger, nullable=False),
    sa.Index("ix_ingest_source_hours_hour", "hour"),
    postgresql_with=CHANGING,
)
"""How many deliveries of a merchant's source had an outcome within an hour; also those of which nothing else is kept,
because they were refused."""

source_states = sa.Table(
    "ingest_source_states",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("last_delivery_at", Instant),
    sa.Column("last_error_at", Instant),
    sa.Column("last_error", sa.Text),
    postgresql_with=CHANGING,
)
"""When a merchant's source last brought a genuine delivery, and what last went wrong, as a constant word."""
