"""The tables of ingest."""

import sqlalchemy as sa

from shared.db.storage import CHANGING
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant

KEY_BYTES = 16
"""Length of the hashes that tell repeats and joins apart."""

metadata, system_tables = metadata_of("ingest")

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
"""Every genuine delivery as it came, sealed; `keys` are its rows in delivery_keys, one after the other."""

delivery_keys = sa.Table(
    "ingest_delivery_keys",
    metadata,
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("delivery_id", Id, nullable=False),
    sa.Column("body_sha256", sa.LargeBinary, nullable=False),
)
"""By what a repeat is known: merchant, source and each of the delivery's own keys, hashed.

Hashes are made under the key that names people, and the body's is blanked with its person's erasure.
"""

published = sa.Table(
    "ingest_published",
    metadata,
    sa.Column("event_id", Id, primary_key=True),
)
"""What was published, by its derived id: told again by another delivery, it is no news."""

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
"""Order, cart or customer (a keyed hash) to the person last known behind it, sealed; and the place where a permission
was given, to whose. `as_of` is when the source says it came to be so: what is older and comes later changes nothing.
`total` is what was told of an order's money."""

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
"""Who stood behind an order, cart or customer before its number changed: what is asked by right reaches them too.
The key is the join's hash and the person's id."""

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
"""Genuine deliveries that could not be read, and why; the body stands in deliveries."""

__all__ = [
    "KEY_BYTES",
    "deliveries",
    "delivery_keys",
    "former_people",
    "metadata",
    "published",
    "quarantine",
    "subjects",
    "system_tables",
]
