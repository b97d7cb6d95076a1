"""Rows of runs, and of what the scheduler keeps of people: counters, what they did, latest runs, closed merchants."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.runs.enrolment import Run, key_hash
from services.scheduler.runs.facts import DEAL_KINDS, Trigger
from services.scheduler.runs.plan import NewRun
from services.scheduler.runs.recipients import StoredRecipient, seen_row
from services.scheduler.store import local_time
from services.scheduler.tables import (
    DEALS,
    closed_merchants,
    enrollments,
    entries,
    flow_versions,
    follow_ups,
    recipients,
    triggers_seen,
)
from shared.db.transaction import Lock, Row, Transaction
from shared.events.consent import MerchantClosed
from shared.events.envelope import Event
from shared.events.follow_up import SendPolicy
from shared.events.trigger import TriggerReceived
from shared.ids import EnrollmentId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import ENDS


async def people(
    db: Transaction, events: Iterable[Event | Trigger], *, lock: Lock | None = "update"
) -> dict[RecipientId, StoredRecipient]:
    """Return the people whom these events are about; nothing is stored yet of one who is new."""
    merchant_of = {event.recipient_id: event.merchant_id for event in events}
    known = {row["id"]: row for row in await db.fetch(recipients, "id", [*merchant_of], lock=lock)}
    return {key: StoredRecipient(**known.get(key, {"id": key, "merchant_id": of})) for key, of in merchant_of.items()}


async def who_wrote(db: Transaction, merchant: MerchantId, recipient: RecipientId) -> StoredRecipient:
    """Return a merchant's recipient; one who never wrote where it has none by this id."""
    found = await db.fetch(recipients, "id", [recipient])
    own = [StoredRecipient(**row) for row in found if row["merchant_id"] == merchant]
    return own[0] if own else StoredRecipient(recipient, merchant)


async def save_people(db: Transaction, changed: Sequence[StoredRecipient]) -> None:
    """Write people."""
    await db.upsert(recipients, [person.row() for person in changed])


async def latest_runs(
    db: Transaction, keys: Iterable[tuple[RecipientId, str, bytes]]
) -> dict[tuple[RecipientId, str], dict[bytes, Run]]:
    """Return the latest runs under keys of person, flow and hashed entry key."""
    names = ("recipient_id", "flow", "entry_key_sha256")
    found: dict[tuple[RecipientId, str], dict[bytes, Run]] = {}
    for row in await db.fetch_keys(entries, [dict(zip(names, key, strict=True)) for key in keys]):
        key = bytes(row["entry_key_sha256"])
        found.setdefault((row["recipient_id"], row["flow"]), {})[key] = Run(row["ordinal"], row["entered_at"])
    return found


async def add_seen(db: Transaction, events: Sequence[TriggerReceived]) -> list[bool]:
    """Store triggers, and return for each whether it was new; at once, so that later units see it."""
    return await db.insert_new(triggers_seen, [seen_row(event) for event in events])


async def seen_since(db: Transaction, ids: Sequence[RecipientId], since: datetime) -> dict[RecipientId, list[Row]]:
    """Return the triggers of people at an instant or later, as far as they were read."""
    found: dict[RecipientId, list[Row]] = {}
    for row in await db.fetch(triggers_seen, "recipient_id", ids, since=("occurred_at", since)):
        found.setdefault(row["recipient_id"], []).append(row)
    return found


async def deals(db: Transaction, events: Iterable[TriggerReceived]) -> dict[RecipientId, list[Row]]:
    """Return the other stored deals about the orders that these events buy, cancel or refund."""
    about = [event for event in events if event.kind in DEAL_KINDS and event.subject is not None]
    keys = [{"recipient_id": event.recipient_id, "subject": event.subject} for event in about]
    own = {event.event_id for event in about}
    found: dict[RecipientId, list[Row]] = {}
    for row in await db.fetch_keys(triggers_seen, keys, among=DEALS):
        if row["event_id"] not in own:
            found.setdefault(row["recipient_id"], []).append(row)
    return found


async def close_merchant(db: Transaction, event: MerchantClosed) -> None:
    """Store that a merchant closed."""
    closing = {"merchant_id": event.merchant_id, "closed_at": event.occurred_at, "reason": event.reason}
    await db.upsert(closed_merchants, [closing])


async def closed_since(db: Transaction, merchants: Iterable[MerchantId]) -> dict[MerchantId, datetime]:
    """Return when these merchants closed, for those that did."""
    found = await db.fetch(closed_merchants, "merchant_id", sorted(set(merchants)))
    return {row["merchant_id"]: row["closed_at"] for row in found}


async def version_contents(db: Transaction, versions: Sequence[str]) -> dict[str, str]:
    """Return the contents of these flow versions, for those that began."""
    rows = await db.fetch(flow_versions, "version", versions, columns=("version", "content"))
    return {row["version"]: row["content"] for row in rows}


async def insert_new_runs(db: Transaction, runs: Sequence[tuple[NewRun, EnrollmentId]]) -> list[bool]:
    """Insert runs, and return for each whether it did not exist before."""
    return await db.insert_new(enrollments, [_enrollment_row(run, key) for run, key in runs])


async def insert_plans(
    db: Transaction, runs: Sequence[NewRun], rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Insert the versions and entries of new runs, and the rows of their follow-ups."""
    await db.insert_new(flow_versions, _version_rows(runs, now))
    await db.upsert(entries, [_entry_row(run) for run in runs if not run.is_built_in])
    await db.insert(follow_ups, rows)


def _version_rows(runs: Sequence[NewRun], now: datetime) -> list[dict[str, Any]]:
    """Return the versions that these runs begin with, each once."""
    begun = {(run.merchant.id, run.version.version): run.version for run in runs}
    return [
        {
            "version": version.version,
            "merchant_id": merchant,
            "flow": version.flow,
            "content": version.content,
            "first_started_at": now,
        }
        for (merchant, _), version in begun.items()
    ]


def _enrollment_row(run: NewRun, key: EnrollmentId) -> dict[str, Any]:
    return {
        "id": key,
        "merchant_id": run.merchant.id,
        "recipient_id": run.recipient_id,
        "flow": run.version.flow,
        "flow_version": run.version.version,
        "ordinal": run.ordinal,
        "trigger_id": run.trigger_id,
        "subject": run.subject,
        "entered_at": run.began_at,
    }


def _entry_row(run: NewRun) -> dict[str, Any]:
    return {
        "recipient_id": run.recipient_id,
        "flow": run.version.flow,
        "entry_key_sha256": key_hash(run.entry_key),
        "ordinal": run.ordinal,
        "entered_at": run.began_at,
    }


def follow_up_row(follow_up: FollowUp, run: NewRun, body: bytes, facts: bytes, now: datetime) -> dict[str, Any]:
    """Return the row of a new follow-up; `body` and `facts` are sealed."""
    row = follow_up._asdict()
    lifecycle = row.pop("lifecycle")
    return row | {
        "arm": None,
        "state": lifecycle.state,
        "reason": lifecycle.reason,
        "release": 0,
        "is_too_late": False,
        "unwanted_as": None,
        "unwanted_reason": None,
        "proofs": {},
        "due_local": local_time(follow_up.due_at, run.zone),
        "priority": int(follow_up.priority),
        "policy": _policy_json(follow_up.policy),
        "body": body,
        "contact": run.contact,
        "facts": facts,
        "consent_reports": [str(report) for report in follow_up.consent_reports],
        "updated_at": now,
        "ended_at": now if lifecycle.state in ENDS else None,
    }


@lru_cache(maxsize=256)
def _policy_json(policy: SendPolicy) -> Mapping[str, Any]:
    """Return a policy as it is stored; all follow-ups of a flow share one."""
    return policy.model_dump(mode="json")
