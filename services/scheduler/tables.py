"""The scheduler's tables.

`timers` has one row for each follow-up that waits for a moment, and its primary key is its only index, so the cost of
claiming what is due does not depend on how much is pending. `lines` are the queues: due follow-ups whose sender number
is busy, in the order they will go. `in_flight` are releases without an answer. Both stay small.
"""

import sqlalchemy as sa

from shared.db.audit_store import audit_tables_of
from shared.db.control_store import columns_of
from shared.db.storage import CHANGING, QUEUE
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant, Json

__all__ = ["metadata", "system_tables"]

metadata, system_tables = metadata_of("scheduler")
audit_tables = audit_tables_of(metadata, "scheduler")

DEALS = "kind IN ('purchase', 'refund', 'cancellation', 'number_changed')"
"""The condition of a partial index of `triggers_seen`; a query must use the same words to use the index."""

enrollments = sa.Table(
    "scheduler_enrollments",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("flow_version", sa.Text, nullable=False),
    sa.Column("ordinal", sa.BigInteger, nullable=False),
    sa.Column("trigger_id", Id),
    sa.Column("subject", sa.Text),
    sa.Column("entered_at", Instant, nullable=False),
    sa.Index(
        "ix_scheduler_enrollments_subject",
        "merchant_id",
        "subject",
        sqlite_where=sa.text("subject IS NOT NULL"),
        postgresql_where=sa.text("subject IS NOT NULL"),
    ),
    sa.Index("ix_scheduler_enrollments_newest", "merchant_id", "id"),
)
"""One recipient's runs through flows."""

entries = sa.Table(
    "scheduler_entries",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("entry_key_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("ordinal", sa.BigInteger, nullable=False),
    sa.Column("entered_at", Instant, nullable=False, index=True),
)
"""The latest run under each entry key, by which `enter` decides."""

follow_ups = sa.Table(
    "scheduler_follow_ups",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("enrollment_id", Id, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("flow_version", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("arm", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("release", sa.BigInteger, nullable=False),
    sa.Column("is_too_late", sa.Boolean, nullable=False),
    sa.Column("unwanted_as", sa.Text),
    sa.Column("unwanted_reason", sa.Text),
    sa.Column("proofs", Json, nullable=False),
    sa.Column("changes", sa.BigInteger, nullable=False),
    sa.Column("first_due_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("due_local", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("timer_at", Instant),
    sa.Column("accepted_at", Instant),
    sa.Column("waits_until", Instant),
    sa.Column("waits_detail", sa.Text),
    sa.Column("sender_number", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("policy", Json, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary),
    sa.Column("contact", sa.LargeBinary),
    sa.Column("facts", sa.LargeBinary),
    sa.Column("trigger_id", Id),
    sa.Column("consent_reports", Json, nullable=False),
    sa.Column("inbound_at", Instant),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Index("ix_scheduler_follow_ups_of_person", "recipient_id", "ended_at"),
    sa.Index("ix_scheduler_follow_ups_newest", "merchant_id", "id"),
    postgresql_with=CHANGING,
)
"""One row for each follow-up. `sender_number` is the merchant's, and the pacing key; `body`, `contact` and `facts` are
sealed.

`changes` counts its rows in `state_changes`; `timer_at` is the due time of its row in `timers`, if it has one.
`ended_at` is empty until it ends, so that a person's open follow-ups, and those of the last weeks, are found by index.
`waits_until` and `waits_detail` belong to the `reason` of a released follow-up: what the sender reports while a call is
not over. `asked_by` is the id of the API key that asked for it.
"""

state_changes = sa.Table(
    "scheduler_state_changes",
    metadata,
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("happening", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("release", sa.BigInteger, nullable=False),
)
"""Every state that a follow-up was in, and why."""

timers = sa.Table(
    "scheduler_timers",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("due_at", Instant, primary_key=True),
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
)
"""Kinds: `due` (pending), `expire` (released), `unconfirmed` (dispatched)."""

lines = sa.Table(
    "scheduler_lines",
    metadata,
    sa.Column("sender_number", sa.Text, primary_key=True),
    sa.Column("priority", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("due_at", Instant, primary_key=True),
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    postgresql_with=QUEUE,
)
"""Due follow-ups that wait for a busy number. A row of a follow-up that ended meanwhile is dropped at its turn."""

in_flight = sa.Table(
    "scheduler_in_flight",
    metadata,
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("sender_number", sa.Text, nullable=False),
    sa.Column("released_at", Instant, nullable=False),
    postgresql_with=QUEUE,
)
"""Releases without an answer: no refusal by the gate and no outcome of the sender yet."""

pending_counts = sa.Table(
    "scheduler_pending_counts",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("texts", sa.BigInteger, nullable=False),
    postgresql_with=QUEUE,
)
"""How many follow-ups are pending or released: for the merchant's quota, and to say how many a stop would end."""

flow_versions = sa.Table(
    "scheduler_flow_versions",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("first_started_at", Instant, nullable=False),
    sa.Index("ix_scheduler_flow_versions_of_flow", "merchant_id", "flow", "first_started_at"),
)
"""Every flow version that ever began; a run keeps the one it began with."""

recipients = sa.Table(
    "scheduler_recipients",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("orders", sa.BigInteger, nullable=False),
    sa.Column("total_spent_minor", sa.BigInteger, nullable=False),
    sa.Column("last_order_at", Instant),
    sa.Column("consent_epoch", sa.BigInteger, nullable=False),
    sa.Column("suppressed", sa.Text),
    sa.Column("consents", Json),
    sa.Column("erased_at", Instant),
    sa.Column("replied_at", Instant),
    sa.Column("replied_to", sa.Text),
    sa.Column("contact", sa.LargeBinary),
    sa.Index(
        "ix_scheduler_recipients_replied_at",
        "replied_at",
        sqlite_where=sa.text("replied_at IS NOT NULL"),
        postgresql_where=sa.text("replied_at IS NOT NULL"),
    ),
    postgresql_with=CHANGING,
)
"""Counters that conditions read, the last consent that was read, whether the recipient was erased, and when and to
which of the merchant's numbers they last wrote something that was no opt-out.

`contact` is how the person is reached, sealed: an answer needs no number. It is cleared once no answer may go.
"""

triggers_seen = sa.Table(
    "scheduler_triggers_seen",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("event_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("customer", sa.Text),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("test", sa.Boolean, nullable=False),
    sa.Column("occurred_at", Instant, nullable=False, index=True),
    sa.Column("facts", sa.LargeBinary),
    sa.Index("ix_scheduler_triggers_seen_of_person", "recipient_id", "occurred_at"),
    # The few kinds that decide what an order adds to a person's history.
    sa.Index(
        "ix_scheduler_triggers_seen_deals",
        "recipient_id",
        "subject",
        sqlite_where=sa.text(DEALS),
        postgresql_where=sa.text(DEALS),
    ),
)
"""Recent triggers, to recognise repeats and to find a cancelling trigger that came first."""

closed_merchants = sa.Table(
    "scheduler_closed_merchants",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("closed_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Merchants that closed: their earlier triggers start nothing any more."""

controls = sa.Table(
    "scheduler_controls",
    metadata,
    *columns_of("scheduler"),
    sa.Column("reason", sa.LargeBinary, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("in_force_at", Instant),
    sa.Column("lifted_by", sa.Text),
    sa.Column("lift_reason", sa.LargeBinary),
    sa.Column("let_go", sa.BigInteger),
    sa.Column("cancelled", sa.BigInteger, nullable=False),
    sa.Column("worked_to", Id),
    sa.Column("open_work", sa.Boolean, nullable=False, index=True),
)
"""What people paused and stopped; a row is written when it is made and changed once, when it is lifted. The reasons are
sealed.

`in_force_at` is when the sender obeyed it too. `open_work` says that its follow-ups are being worked on: those of a
stop are cancelled, those that waited for a pause get their timers back; `worked_to` is how far a stop has come, and
`cancelled` how many it ended. `let_go` is how many texts its lifting let go on one person's word.
"""

approvals = sa.Table(
    "scheduler_approvals",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", Json, nullable=False),
    sa.Column("texts", sa.BigInteger, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("reason", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Column("answered_by", sa.Text),
    sa.Column("answered_at", Instant),
    sa.Column("answer_reason", sa.LargeBinary),
    sa.Index("ix_scheduler_approvals_newest", "merchant_id", "id"),
    sa.Index("ix_scheduler_approvals_open", "merchant_id", "answered_at", "expires_at"),
)
"""What waits for a second person's yes, or did; a row is changed once, when it is answered. The reasons are sealed."""

paused = sa.Table(
    "scheduler_paused",
    metadata,
    sa.Column("control_id", Id, primary_key=True),
    sa.Column("follow_up_id", Id, primary_key=True, index=True),
    postgresql_with=QUEUE,
)
"""Due follow-ups that wait for the end of a pause: they have no timer but that of their expiry."""

flow_files = sa.Table(
    "scheduler_flow_files",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("missing_since", Instant),
    sa.Column("control_id", Id),
)
"""Every flow that the merchant files ever had, in the version last seen; `*` stands for the merchant as a whole.

`missing_since` is when a process first found it in no file; any process that still has it empties that again.
`control_id` is the pause that answers this removal: set once, so that a pause that a person lifted is never put again.
"""
