"""Rows of follow-ups, and what they mean; the one place that turns one into the other."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.scheduler.lifecycle.states import Lifecycle, Proof
from services.scheduler.tables import follow_ups, timers
from shared.db.transaction import Lock, Row, Transaction
from shared.events.follow_up import Content, Purpose, SendPolicy
from shared.ids import EnrollmentId, EventId, FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import Priority

_LOOKED_AT = 1000


_STATES = {each.value: each for each in FollowUpState}
_PURPOSES = {each.value: each for each in Purpose}
_PRIORITIES = {each.value: each for each in Priority}
"""Looked up, which costs a tenth of asking the enumeration."""


class FollowUp(NamedTuple):
    """One follow-up as decisions need it, without its sealed parts."""

    id: FollowUpId
    partition: int
    """Of its recipient: whoever holds it fires its timer."""
    merchant_id: MerchantId
    recipient_id: RecipientId
    enrollment_id: EnrollmentId
    flow: str
    flow_version: str
    step: str
    purpose: Purpose
    standing: Lifecycle
    first_due_at: datetime
    due_at: datetime
    time_zone: str
    expires_at: datetime | None
    timer_at: datetime | None
    accepted_at: datetime | None
    sender_number: str
    priority: Priority
    policy: SendPolicy
    subject: str | None
    locale: str
    trigger_id: EventId | None
    consent_reports: tuple[EventId, ...]
    inbound_at: datetime | None
    correlation_id: str
    asked_by: str | None
    changes: int
    created_at: datetime

    def moved(self, reason: str) -> "FollowUp":
        """Return it after one more entry in its history that left its state as it was."""
        return self._replace(changes=self.changes + 1, standing=self.standing._replace(reason=reason))

    @classmethod
    def of(cls, row: Row) -> "FollowUp":
        """Return the follow-up a row holds."""
        standing = Lifecycle(
            state=_STATES[row["state"]],
            release=row["release"],
            reason=row["reason"],
            proofs={attempt: Proof(proof) for attempt, proof in row["proofs"].items()} if row["proofs"] else {},
            unwanted_as=FollowUpState(row["unwanted_as"]) if row["unwanted_as"] else None,
            unwanted_reason=row["unwanted_reason"],
            is_too_late=bool(row["is_too_late"]),
        )
        return cls(
            id=row["id"],
            partition=row["partition"],
            merchant_id=row["merchant_id"],
            recipient_id=row["recipient_id"],
            enrollment_id=row["enrollment_id"],
            flow=row["flow"],
            flow_version=row["flow_version"],
            step=row["step"],
            purpose=_PURPOSES[row["purpose"]],
            standing=standing,
            first_due_at=row["first_due_at"],
            due_at=row["due_at"],
            time_zone=row["time_zone"],
            expires_at=row["expires_at"],
            timer_at=row["timer_at"],
            accepted_at=row["accepted_at"],
            sender_number=row["sender_number"],
            priority=_PRIORITIES[row["priority"]],
            policy=_policy_of(*row["policy"].items()),
            subject=row["subject"],
            locale=row["locale"],
            trigger_id=row["trigger_id"],
            consent_reports=tuple(map(_report_of, row["consent_reports"])),
            inbound_at=row["inbound_at"],
            correlation_id=row["correlation_id"],
            asked_by=row["asked_by"],
            changes=row["changes"],
            created_at=row["created_at"],
        )


_CONTENT = ("body", "contact", "facts")
_LEAN = (
    *(name for name in FollowUp._fields if name != "standing"),
    *("state", "release", "reason", "proofs", "unwanted_as", "unwanted_reason", "is_too_late"),
)
"""What `FollowUp.of` reads of a row, and nothing else."""


@lru_cache(maxsize=256)
def _policy_of(*said: tuple[str, str | int]) -> SendPolicy:
    """Return the policy that a row holds; all texts of a flow have the same one."""
    return SendPolicy.model_validate(dict(said))


def _report_of(said: str) -> EventId:
    return EventId(UUID(said))


async def load(
    db: Transaction, by: str, values: Sequence[Any], *, lock: Lock | None = "update"
) -> dict[FollowUpId, FollowUp]:
    """Return follow-ups by id, or all that a recipient ever had."""
    rows = await db.fetch(follow_ups, by, values, lock=lock, columns=_LEAN)
    return {row["id"]: FollowUp.of(row) for row in rows}


async def load_open(
    db: Transaction, people: Sequence[RecipientId], *, lock: Lock | None = "update"
) -> dict[FollowUpId, FollowUp]:
    """Return the follow-ups of people that have not ended; what ended before costs nothing."""
    rows = await db.fetch(follow_ups, "recipient_id", people, lock=lock, columns=_LEAN, since=("ended_at", None))
    return {row["id"]: FollowUp.of(row) for row in rows}


async def taken_since(
    db: Transaction, people: Sequence[RecipientId], since: datetime, running: Iterable[FollowUp]
) -> dict[RecipientId, list[datetime]]:
    """Return when the provider took each of people's texts of late; what ended before costs nothing.

    `running` are those that have not ended.
    """
    columns = ("recipient_id", "accepted_at")
    ended = await db.fetch(follow_ups, "recipient_id", people, columns=columns, since=("ended_at", since))
    taken: dict[RecipientId, list[datetime]] = {}
    for person, at in (
        *((text.recipient_id, text.accepted_at) for text in running),
        *((row["recipient_id"], row["accepted_at"]) for row in ended),
    ):
        if at is not None and at > since:
            taken.setdefault(person, []).append(at)
    return taken


async def was_ever_taken(db: Transaction, person: RecipientId) -> bool:
    """Return whether the provider took a text to this person, as far as the latest thousand tell."""
    newest = sa.select(follow_ups.c.accepted_at).where(follow_ups.c.recipient_id == person)
    latest = newest.order_by(follow_ups.c.ended_at.desc()).limit(_LOOKED_AT).subquery()
    return bool(await db.rows(sa.select(latest.c.accepted_at).where(latest.c.accepted_at.is_not(None)).limit(1)))


async def load_with_content(
    db: Transaction, ids: Sequence[FollowUpId]
) -> dict[FollowUpId, tuple[FollowUp, Content | None]]:
    """Return follow-ups with what their text is made of; None where the person was erased."""
    rows = await db.fetch(follow_ups, "id", ids, lock="update", columns=(*_LEAN, *_CONTENT))
    return {row["id"]: (FollowUp.of(row), content_of(row)) for row in rows}


def content_of(row: Row) -> Content | None:
    """Return the sealed parts of a row; None where they were blanked."""
    if row["body"] is None or row["contact"] is None or row["facts"] is None:
        return None
    return Content(
        body=bytes(row["body"]), locale=row["locale"], contact=bytes(row["contact"]), facts=bytes(row["facts"])
    )


async def sealed_facts(db: Transaction, ids: Sequence[FollowUpId]) -> dict[FollowUpId, bytes]:
    """Return the sealed facts of follow-ups that still have them."""
    rows = await db.fetch(follow_ups, "id", ids, columns=("id", "facts"))
    return {row["id"]: bytes(row["facts"]) for row in rows if row["facts"] is not None}


def by_recipient(found: Iterable[FollowUp]) -> dict[RecipientId, list[FollowUp]]:
    """Return follow-ups grouped by person."""
    groups: dict[RecipientId, list[FollowUp]] = {}
    for each in found:
        groups.setdefault(each.recipient_id, []).append(each)
    return groups


def timer(text: FollowUp, at: datetime, kind: str) -> Mapping[str, Any]:
    """Return a row of `timers`."""
    return {"partition": text.partition, "due_at": at, "follow_up_id": text.id, "kind": kind}


async def delete_timers(db: Transaction, texts: Sequence[FollowUp]) -> None:
    """Delete the one timer of each of these follow-ups, by index probes."""
    keys = sorted((text.partition, text.timer_at, text.id) for text in texts if text.timer_at is not None)
    await db.delete_keys(timers, [{"partition": number, "due_at": at, "follow_up_id": key} for number, at, key in keys])
