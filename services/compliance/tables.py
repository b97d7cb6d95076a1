"""The tables of compliance: the ledger and its sum, verdicts, cap slots and limits, preferences, requests by right."""

import sqlalchemy as sa

from shared.db.audit_store import audit_tables_of
from shared.db.storage import CHANGING, QUEUE
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant, Json

metadata, system_tables = metadata_of("compliance")
audit_tables = audit_tables_of(metadata, "compliance")

ledger = sa.Table(
    "compliance_consent_ledger",
    metadata,
    sa.Column("entry_id", Id, primary_key=True),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("evidence", sa.LargeBinary),
    sa.Column("recorded_at", Instant, nullable=False, index=True),
    sa.UniqueConstraint("recipient_id", "position"),
    sa.Index("ix_compliance_consent_ledger_newest", "merchant_id", "recorded_at", "entry_id"),
)
"""Append-only; `canonical` is what is hashed, `hash` follows the person's previous one, `evidence` is sealed."""

daily_roots = sa.Table(
    "compliance_daily_roots",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("people", sa.BigInteger, nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
)
"""One row for each UTC day on which a merchant's ledger grew, signed once it is over; each names the one before."""

standings = sa.Table(
    "compliance_standings",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("standing", sa.LargeBinary, nullable=False),
    sa.Column("chain_hash", sa.Text, nullable=False),
    sa.Column("review_since", Instant),
    sa.Column("texted_at", Instant),
    sa.Column("wrote_at", Instant),
    sa.Column("replied_at", Instant),
    sa.Column("changed_at", Instant, nullable=False),
    postgresql_with=CHANGING,
)
"""One row a person: the standing their ledger adds up to, the newest hash, since when an ambiguous reply waits for a
decision, when they were first texted, when they first wrote without having been texted, and when they last wrote
something that was no opt-out."""

decisions = sa.Table(
    "compliance_decisions",
    metadata,
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("release", sa.BigInteger, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rules_version", sa.Text, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
)
"""One row a verdict; the record holds the complete input, without identity, and can be judged again."""

send_slots = sa.Table(
    "compliance_send_slots",
    metadata,
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("release", sa.BigInteger, nullable=False),
    sa.Column("reserved_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    postgresql_with=CHANGING,
)
"""One slot a follow-up, reserved with the verdict, aging from acceptance, returned when the text was not sent."""

newcomers = sa.Table(
    "compliance_newcomers",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("hour", Instant, nullable=False),
    sa.Column("asked", sa.BigInteger, nullable=False),
    sa.Column("by_key", Json, nullable=False),
    sa.Column("by_prefix", sa.LargeBinary, nullable=False),
    sa.Column("recent", Json, nullable=False),
    sa.Column("held_since", Instant),
    postgresql_with=QUEUE,
)
"""One row a merchant: this hour's texts to new people, and the newest of them by keyed hashes of their numbers' blocks.

`held_since`: since when neighbouring numbers hold texts to new people until an operator releases them.
"""

spending = sa.Table(
    "compliance_spending",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("day", Instant, primary_key=True, index=True),
    sa.Column("share", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("micros", sa.BigInteger, nullable=False),
    postgresql_with=QUEUE,
)
"""What a day's texts cost: a few rows a merchant and day, so that processes seldom wait for each other's locks."""

erasures = sa.Table(
    "compliance_erasures",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("erased_at", Instant, nullable=False),
)
"""One row an erased person: claims from before the erasure lose their evidence, however late they arrive."""

closed_merchants = sa.Table(
    "compliance_closed_merchants",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("closed_at", Instant, nullable=False),
)
"""One row a closed shop: nothing is sent for it."""

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
