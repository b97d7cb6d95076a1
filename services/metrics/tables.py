"""The tables of metrics: facts, their sums, the projection of each follow-up, and orders."""

import sqlalchemy as sa

from shared.db.audit_store import audit_tables_of
from shared.db.storage import CHANGING, LASTING
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant

metadata, system_tables = metadata_of("metrics")
audit_tables = audit_tables_of(metadata, "metrics")

NOT_DELIVERED = "state <> 'delivered'"
"""The condition of a partial index of `follow_ups`; a query must use the same words to use the index."""

facts = sa.Table(
    "metrics_facts",
    metadata,
    sa.Column("event_id", Id, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("follow_up_id", Id, index=True),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("ix_metrics_facts_time", "merchant_id", "occurred_at"),
    # The few facts about a person rather than a follow-up; the others are found through the follow-up.
    sa.Index(
        "ix_metrics_facts_person",
        "recipient_id",
        sqlite_where=sa.text("follow_up_id IS NULL"),
        postgresql_where=sa.text("follow_up_id IS NULL"),
    ),
)
"""Append-only. `body` is the event's JSON without its columns and without its encrypted fields."""

rollups = sa.Table(
    "metrics_rollups",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("hour", Instant, primary_key=True, index=True),
    sa.Column("measure", sa.Text, primary_key=True),
    sa.Column("detail", sa.Text, primary_key=True),
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("flow_version", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("sender_number", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
    postgresql_with=CHANGING,
)
"""Sums by hour of event time; an unknown dimension is the empty string."""

follow_ups = sa.Table(
    "metrics_follow_ups",
    metadata,
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False, info=LASTING),
    sa.Column("recipient_id", Id, nullable=False, info=LASTING),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("flow_version", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("sender_number", sa.Text, nullable=False),
    sa.Column("route_release", sa.BigInteger, nullable=False),
    sa.Column("trigger_id", Id),
    sa.Column("planned_at", Instant),
    sa.Column("due_at", Instant),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("is_engaged", sa.Boolean, nullable=False),
    sa.Column("clicked_by", Id),
    sa.Column("replied_by", Id),
    sa.Column("opted_out_by", Id),
    sa.Column("accepted_at", Instant),
    sa.Column("delivered_by", Id),
    sa.Column("converted_by", Id),
    sa.Column("waits_until", Instant),
    sa.Column("waits_detail", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_metrics_follow_ups_newest", "merchant_id", "follow_up_id"),
    sa.Index("ix_metrics_follow_ups_of_person", "recipient_id", "follow_up_id"),
    # What is planned, under way or did not arrive, by state; a delivered text leaves this index.
    sa.Index(
        "ix_metrics_follow_ups_of_state",
        "merchant_id",
        "state",
        "follow_up_id",
        sqlite_where=sa.text(NOT_DELIVERED),
        postgresql_where=sa.text(NOT_DELIVERED),
    ),
    # The few that need attention; a delivered text never enters this index.
    sa.Index(
        "ix_metrics_follow_ups_trouble",
        "merchant_id",
        "changed_at",
        sqlite_where=sa.text("state IN ('unknown', 'blocked', 'failed')"),
        postgresql_where=sa.text("state IN ('unknown', 'blocked', 'failed')"),
    ),
    # The few whose provider call is not concluded.
    sa.Index(
        "ix_metrics_follow_ups_waiting",
        "merchant_id",
        "changed_at",
        sqlite_where=sa.text("waits_until IS NOT NULL"),
        postgresql_where=sa.text("waits_until IS NOT NULL"),
    ),
    postgresql_with=CHANGING,
)
"""The projection of each follow-up, derived from its facts alone."""

customer_orders = sa.Table(
    "metrics_customer_orders",
    metadata,
    sa.Column("order_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("ordered_at", Instant, nullable=False, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger),
    sa.Column("refund_currency", sa.Text),
    sa.Column("cancelled_at", Instant),
    sa.Column("is_awaited", sa.Boolean),
    sa.Index("ix_metrics_customer_orders_time", "merchant_id", "ordered_at"),
)
"""Each order of each customer, once; the retention figures are computed from it."""
