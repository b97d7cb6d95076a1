"""The sender's tables: dispatches and their attempts, people's permissions, receipts, replies, links, attribution.

Sealed columns are blanked as soon as a dispatch needs no further call, so that only dispatches under way hold
personal data, and the queue's partial index stays as small as the work under way. The index by person serves
erasures and exports.
"""

import sqlalchemy as sa

from services.sender.queue.states import LIVE_STATES, AttemptState, DispatchState
from shared.db.audit_store import audit_tables_of
from shared.db.control_store import columns_of
from shared.db.storage import CHANGING, QUEUE
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant, Json

__all__ = ["metadata", "system_tables"]

metadata, system_tables = metadata_of("sender")
audit_tables = audit_tables_of(metadata, "sender")

dispatches = sa.Table(
    "sender_dispatches",
    metadata,
    sa.Column("follow_up_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("enrollment_id", Id, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("flow_version", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("release", sa.BigInteger, nullable=False),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("sender_number", sa.Text),
    sa.Column("provider", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("ready_at", Instant, nullable=False),
    sa.Column("first_queued_at", Instant, nullable=False),
    sa.Column("first_due_at", Instant),
    sa.Column("valid_until", Instant),
    sa.Column("window_closes_at", Instant),
    sa.Column("expires_at", Instant),
    sa.Column("locale", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Column("contact", sa.LargeBinary),
    sa.Column("facts", sa.LargeBinary),
    sa.Column("first_contact", sa.Boolean, nullable=False),
    sa.Column("resend", sa.Text, nullable=False),
    sa.Column("click_days", sa.Integer, nullable=False),
    sa.Column("delivered_hours", sa.Integer, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("retry_at", Instant),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    postgresql_with=CHANGING,
)
"""One cleared follow-up; one that was cancelled before it was cleared is a tombstone without a number."""

QUEUED = dispatches.c.state == sa.literal_column(f"'{DispatchState.QUEUED}'")
"""A literal: with a bound value the planner could not use the partial index."""
HOLDS_CONTENT = dispatches.c.body.is_not(None)

sa.Index(
    "ix_sender_dispatches_claim",
    dispatches.c.sender_number,
    dispatches.c.priority,
    dispatches.c.ready_at,
    dispatches.c.partition,
    sqlite_where=QUEUED,
    postgresql_where=QUEUED,
)
sa.Index("ix_sender_dispatches_of_person", dispatches.c.recipient_id, dispatches.c.first_queued_at)

attempts = sa.Table(
    "sender_attempts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("follow_up_id", Id, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("release", sa.BigInteger, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("sender_number", sa.Text, nullable=False),
    sa.Column("body_sha256", sa.LargeBinary, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("encoding", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("status", sa.Text),
    sa.Column("provider_message_id", sa.Text),
    sa.Column("error_class", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("intent_at", Instant, nullable=False),
    sa.Column("deadline", Instant, nullable=False),
    sa.Column("accepted_at", Instant),
    sa.Column("concluded_at", Instant),
    sa.Column("after_follow_up_id", Id),
    sa.Column("made_by", Id, nullable=False),
    sa.Column("ask_at", Instant),
    sa.Column("text", sa.LargeBinary),
    postgresql_with=CHANGING,
)
"""One provider call for a dispatch; `after_follow_up_id` is the text this person was sent before it, `made_by` the
process run that wrote the intent: no other may record that its call was not made.

`body_sha256` is keyed with the person's `text_key`; an empty one belongs to a call that a restored backup may have
lost, whose text is not known. An intermediate status (`sent`) may be in the receipts alone and not in `status`,
because it changes nothing. `text` is what the provider was given, sealed; null where it is not known, or no longer
kept. `ask_at` is when the provider is asked for the status while no receipt has reported a
final one.
"""

LIVE = attempts.c.state.in_([sa.literal_column(f"'{state}'") for state in sorted(LIVE_STATES)])
sa.Index(
    "uq_sender_attempts_live",
    attempts.c.follow_up_id,
    unique=True,
    sqlite_where=LIVE,
    postgresql_where=LIVE,
)
UNRESOLVED = sa.or_(
    attempts.c.state == sa.literal_column(f"'{AttemptState.UNKNOWN}'"),
    sa.and_(
        attempts.c.state == sa.literal_column(f"'{AttemptState.ASSUMED_SENT}'"),
        attempts.c.reason == sa.literal_column("'not_provable'"),
    ),
)
"""Nobody knows whether the text was sent: the provider is still asked, or was given up."""
sa.Index(
    "ix_sender_attempts_unresolved",
    attempts.c.merchant_id,
    attempts.c.id,
    sqlite_where=UNRESOLVED,
    postgresql_where=UNRESOLVED,
)
UNREPORTED = attempts.c.ask_at.is_not(None)
sa.Index(
    "ix_sender_attempts_ask",
    attempts.c.merchant_id,
    attempts.c.provider,
    attempts.c.ask_at,
    sqlite_where=UNREPORTED,
    postgresql_where=UNREPORTED,
)

in_flight = sa.Table(
    "sender_in_flight",
    metadata,
    sa.Column("attempt_id", Id, primary_key=True),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("follow_up_id", Id, nullable=False),
    sa.Column("body_sha256", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("deadline", Instant, nullable=False),
    sa.Column("look_at", Instant, nullable=False),
    sa.Column("absent_at", Instant),
    sa.Column("asked_at", Instant),
    sa.Column("answer", sa.Text),
    postgresql_with=QUEUE,
)
"""The attempts without an outcome, intent or unknown: the work list of the reconciler; a handful of rows.

`asked_at` and `answer` say when the provider was asked last, and what it said, as a constant word.
"""

recipients = sa.Table(
    "sender_recipients",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("suppressed", sa.Text),
    sa.Column("marketing_suppressed", sa.Boolean, nullable=False),
    sa.Column("informational_suppressed", sa.Boolean, nullable=False),
    sa.Column("keyword_seq", sa.BigInteger, nullable=False),
    sa.Column("consent_epoch", sa.BigInteger, nullable=False),
    sa.Column("needs_review", sa.Boolean, nullable=False),
    sa.Column("erased_at", Instant),
    sa.Column("last_follow_up_id", Id),
    sa.Column("last_sender_number", sa.Text),
    sa.Column("last_intent_at", Instant),
    sa.Column("in_flight_at_stop", sa.BigInteger, nullable=False),
    sa.Column("text_key", sa.LargeBinary),
    postgresql_with=CHANGING,
)
"""One row for each person, which every intent and every opt-out locks; `suppressed` names the cause.

`text_key` keys the hashes of their texts; their erasure deletes it, so that no hash reveals its text any more.
"""

receipts = sa.Table(
    "sender_receipts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("attempt_id", Id, nullable=False, index=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_message_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)
"""Every callback as it was delivered, sealed and without the person's number (the attempt names the person)."""

replies = sa.Table(
    "sender_replies",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("provider_message_id", sa.Text, primary_key=True),
    sa.Column("reply_id", Id, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("sender_number", sa.Text, nullable=False),
    sa.Column("reply_class", sa.Text, nullable=False),
    sa.Column("needs_review", sa.Boolean, nullable=False),
    sa.Column("keyword_seq", sa.BigInteger),
    sa.Column("follow_up_id", Id),
    sa.Column("text", sa.LargeBinary),
    sa.Column("received_at", Instant, nullable=False, index=True),
    sa.Column("channel", sa.Text),
    sa.Column("reviewed_at", Instant),
    sa.Column("reviewed_by", sa.Text),
    sa.Column("was_opt_out", sa.Boolean),
    sa.Index("ix_sender_replies_of_person", "recipient_id", "received_at"),
)
"""Replies, sealed; the provider's id prevents a repeated callback from counting twice.

The last three say what somebody decided about a reply with `needs_review`; `reviewed_by` is the id of an API key.
"""

conversations = sa.Table(
    "sender_conversations",
    metadata,
    sa.Column("recipient_id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("unread", sa.BigInteger, nullable=False),
    sa.Column("newest_at", Instant, nullable=False, index=True),
    sa.Column("newest_reply_id", Id, nullable=False),
    sa.Column("newest_message_id", sa.Text, nullable=False),
    sa.Column("contact", sa.LargeBinary),
    sa.Column("assigned_to", sa.LargeBinary),
    sa.Column("assignee_key", sa.LargeBinary),
    sa.Index("ix_sender_conversations_inbox", "merchant_id", "rank", "newest_at", "recipient_id"),
    postgresql_with=CHANGING,
)
"""A person who has written, as the inbox lists them; `rank` is how much somebody should look at it, and the order.

`newest_…` name their newest reply. `contact` (their number) and `assigned_to` (who handles it) are sealed;
`assignee_key` is a keyed hash of the latter, by which the inbox is filtered.
"""

sa.Index(
    "ix_sender_conversations_assignee",
    *(conversations.c[name] for name in ("merchant_id", "assignee_key", "rank", "newest_at", "recipient_id")),
    sqlite_where=conversations.c.assignee_key.is_not(None),
    postgresql_where=conversations.c.assignee_key.is_not(None),
)

saved_answers = sa.Table(
    "sender_saved_answers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("saved_at", Instant, nullable=False),
)
"""What a shop answers again and again: its own words, as in a flow. `id` is a hash of merchant and title."""

unassigned_replies = sa.Table(
    "sender_unassigned_replies",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reply_class", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, index=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("received_at", Instant, nullable=False, index=True),
    sa.Index("ix_sender_unassigned_replies_newest", "merchant_id", "received_at", "digest"),
)
"""Replies without a known recipient, sealed as they were delivered; each one raised an alarm.

`digest` is a keyed hash of the request, so that one delivered twice is stored once, and its id at the API;
`recipient_id` is set where the sender is known and only the number it was sent to is not ours.
"""

heard_until = sa.Table(
    "sender_heard_until",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("sender_number", sa.Text, primary_key=True),
    sa.Column("until", Instant, nullable=False),
)
"""Up to when the replies to a number were listed; later ones that were not delivered are listed next."""

number_health = sa.Table(
    "sender_number_health",
    metadata,
    sa.Column("sender_number", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("opens_at", Instant),
    sa.Column("changed_at", Instant, nullable=False),
)
"""Whether a number may call its provider; stored, so that a halted number stays halted after a restart."""

number_errors = sa.Table(
    "sender_number_errors",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("sender_number", sa.Text, primary_key=True),
    sa.Column("hour", Instant, primary_key=True),
    sa.Column("error", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Index("ix_sender_number_errors_hour", "hour"),
    postgresql_with=CHANGING,
)
"""How many calls from a number ended with an error within an hour, by class; for the last day, as people look at it."""

closed_merchants = sa.Table(
    "sender_closed_merchants",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("closed_at", Instant, nullable=False),
)

short_links = sa.Table(
    "sender_short_links",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("follow_up_id", Id, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False, index=True),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("target", sa.LargeBinary),
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
    sa.Column("robot_cause", sa.Text),
)
"""Visits. The id is derived from code, kind of visitor and minute, so that a repeat within it is no new row."""

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
    sa.Column("trigger_id", Id),
    sa.Column("purchased_at", Instant, index=True),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("follow_up_id", Id),
    sa.Column("model", sa.Text),
    sa.Column("touched_at", Instant),
    sa.Column("window_hours", sa.Integer),
    sa.Column("deductions", Json, nullable=False),
    sa.Column("remaining_minor", sa.BigInteger, nullable=False),
    postgresql_with=CHANGING,
)
"""One row for each purchase (`purchase_id` is derived from merchant and subject), credited or not, so that none is
credited twice. Without a trigger, only a deduction is known so far."""

controls = sa.Table("sender_controls", metadata, *columns_of("sender"), sa.Column("obeyed_at", Instant, index=True))
"""What people paused and stopped, as the scheduler announced it. `obeyed_at`: since when it is certain that no intent
goes against it; empty until the scheduler was answered."""
