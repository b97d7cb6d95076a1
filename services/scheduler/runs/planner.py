"""Laying down runs: enrollments, follow-ups and their timers, a whole batch at a time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.scheduler import instruments
from services.scheduler.lifecycle import announcements, pending
from services.scheduler.lifecycle.states import Lifecycle
from services.scheduler.lifecycle.transitions import TIMER_KINDS, earliest, history_row
from services.scheduler.runs.enrolment import Terms, key_hash, terms_of
from services.scheduler.runs.plan import PlannedText
from services.scheduler.store import FollowUp, timer
from services.scheduler.tables import enrollments, entries, flow_versions, follow_ups, state_changes, timers
from shared import aad, ids
from shared.bus.partitioning import partition_of
from shared.config.directory import Merchant
from shared.config.flow import Flow
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import SendPolicy
from shared.ids import EnrollmentId, EventId, FollowUpId, RecipientId
from shared.privacy import Sealer
from shared.templates import ZONE
from shared.vocabulary.follow_up_states import ENDS, FollowUpState
from shared.vocabulary.purposes import PRIORITIES

_REMEMBERED = 4096
_NO_TERMS = Terms()
_FIRST_VISIT = 1
"""A step is visited once, as long as flows have no loops."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a run begins with, and stays on."""

    flow: str
    version: str
    content: str

    @classmethod
    def of_content(cls, flow: str, content: str) -> "Version":
        """Return the version of a built-in flow."""
        return cls(flow, sha256(content.encode()).hexdigest(), content)


class Versions:
    """Flow versions: their names, and the terms of any that ever began; remembered, for they never change."""

    def __init__(self) -> None:
        self._of_flows: dict[int, tuple[Flow, Version]] = {}
        self._terms: dict[str, Terms] = {}

    def of(self, flow: Flow) -> Version:
        """Return the version of a flow in force."""
        known = self._of_flows.get(id(flow))
        if known is None:
            if len(self._of_flows) >= _REMEMBERED:
                self._of_flows.clear()
            known = (flow, Version(flow.flow, flow.version(), flow.canonical()))
            self._of_flows[id(flow)] = known
        return known[1]

    async def terms(self, db: Transaction, versions: Iterable[str]) -> Mapping[str, Terms]:
        """Return the terms of versions that began."""
        found = {version: self._terms.get(version) for version in versions}
        if unknown := sorted(version for version, terms in found.items() if terms is None):
            rows = await db.fetch(flow_versions, "version", unknown, columns=("version", "content"))
            read = {row["version"]: terms_of(row["content"]) for row in rows}
            if len(self._terms) >= _REMEMBERED:
                self._terms.clear()
            self._terms |= read
            found |= read
        return {version: terms or _NO_TERMS for version, terms in found.items()}


def names_of(
    merchant: Merchant,
    trigger: Mapping[str, Any],
    recipient: Mapping[str, Any],
    history: Mapping[str, Any],
    zone: ZoneInfo,
) -> dict[str, Any]:
    """Return the names a template may read, and the zone its dates are written in."""
    return {
        "trigger": trigger,
        "recipient": recipient,
        "history": history,
        "merchant": {"brand": merchant.config.brand, "contact": merchant.config.contact},
        ZONE: zone.key,
    }


@dataclass(frozen=True, slots=True)
class NewRun:
    """One recipient's run through a flow, about to begin."""

    merchant: Merchant
    recipient_id: RecipientId
    version: Version
    entry_key: str
    ordinal: int
    began_at: datetime
    """When its trigger happened: part of its identity."""
    texts: Sequence[PlannedText]
    zone: ZoneInfo
    sender_number: str
    contact: bytes
    facts: Mapping[str, Any]
    """The names its templates may read, and the zone their dates are written in."""
    correlation_id: str
    trigger_id: EventId | None = None
    subject: str | None = None
    consent_reports: tuple[EventId, ...] = ()
    inbound_at: datetime | None = None
    is_built_in: bool = False
    """Nothing will ever ask whether it was entered before (texts of the API, answers)."""
    asked_by: str | None = None
    """The id of the API key on whose word it begins."""

    @property
    def enrollment_id(self) -> EnrollmentId:
        """The id it has whenever it is made."""
        parts = (self.merchant.id, self.version.flow, self.recipient_id, self.entry_key, self.ordinal)
        return EnrollmentId(ids.derived("enrollment", *parts, at=self.began_at))


def text_id(enrollment: EnrollmentId, step: str, began_at: datetime) -> FollowUpId:
    """Return the id that a run's text has, whenever it is asked for."""
    return FollowUpId(ids.derived("follow-up", enrollment, step, _FIRST_VISIT, at=began_at))


class Planner:
    """Lays down runs, each person's in their own partition of so many."""

    def __init__(self, sealer: Sealer, partitions: int) -> None:
        self._sealer = sealer
        self._partitions = partitions

    async def lay_down(self, uow: UnitOfWork, runs: Sequence[NewRun]) -> list[FollowUp]:
        """Write runs that were not begun before, announce their texts, and return these."""
        ids_of_runs = [run.enrollment_id for run in runs]
        rows_of_runs = [_enrollment(run, enrollment) for run, enrollment in zip(runs, ids_of_runs, strict=True)]
        begun = await uow.db.insert_new(enrollments, rows_of_runs)
        told = [(run, key) for run, key, is_new in zip(runs, ids_of_runs, begun, strict=True) if is_new]
        fresh = [run for run, _ in told]
        laid: list[FollowUp] = []
        rows = []
        for run, enrollment in told:
            partition = partition_of(run.recipient_id, self._partitions)
            facts = orjson.dumps(run.facts)
            for text in run.texts:
                follow_up = _follow_up(run, enrollment, text, partition, uow.now)
                laid.append(follow_up)
                rows.append({**_row(follow_up, run, uow.now), **self._content(follow_up, text, facts)})
                _announce(uow, follow_up)
        pending.note(uow, ((each, None, each.standing.state) for each in laid))
        for purpose, count in Counter(each.purpose for each in laid).items():
            instruments.PLANNED.labels(purpose).inc(count)
        await uow.db.insert_new(flow_versions, _begun_versions(fresh, uow.now))
        await uow.db.upsert(entries, [_entry(run) for run in fresh if not run.is_built_in])
        await uow.db.insert(follow_ups, rows)
        await uow.db.insert(
            timers, [timer(each, each.timer_at, TIMER_KINDS[FollowUpState.PENDING]) for each in laid if each.timer_at]
        )
        instruments.ENROLLED.inc(len(fresh))
        return laid

    def _content(self, follow_up: FollowUp, text: PlannedText, facts: bytes) -> dict[str, bytes]:
        """Return what a text is made of, sealed for it alone."""
        merchant, seal = follow_up.merchant_id, self._sealer.seal
        return {
            "body": seal(merchant, aad.text_body(follow_up.id), text.body.encode()),
            "facts": seal(merchant, aad.text_facts(follow_up.id), facts),
        }


def _announce(uow: UnitOfWork, follow_up: FollowUp) -> None:
    """Keep its first state as evidence, and announce it; so too where it ends as it begins."""
    uow.publish(announcements.planned(follow_up, uow.now))
    uow.insert_later(state_changes, history_row(follow_up, uow.now, "planned"))
    state, reason = follow_up.standing.state, follow_up.standing.reason
    if state is not FollowUpState.PENDING:
        uow.publish(announcements.ended(follow_up, state, reason or "", uow.now))
        instruments.ENDED.labels(state, instruments.reason_class(reason)).inc()


def _begun_versions(runs: Sequence[NewRun], now: datetime) -> list[dict[str, Any]]:
    """Return the versions these runs begin with, each once."""
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


def _enrollment(run: NewRun, key: EnrollmentId) -> dict[str, Any]:
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


def _entry(run: NewRun) -> dict[str, Any]:
    return {
        "recipient_id": run.recipient_id,
        "flow": run.version.flow,
        "entry_key_sha256": key_hash(run.entry_key),
        "ordinal": run.ordinal,
        "entered_at": run.began_at,
    }


def _follow_up(run: NewRun, enrollment: EnrollmentId, text: PlannedText, partition: int, now: datetime) -> FollowUp:
    """Return one text of a run."""
    state, reason = text.ends_as or (FollowUpState.PENDING, None)
    return FollowUp(
        id=text_id(enrollment, text.step, run.began_at),
        partition=partition,
        merchant_id=run.merchant.id,
        recipient_id=run.recipient_id,
        enrollment_id=enrollment,
        flow=run.version.flow,
        flow_version=run.version.version,
        step=text.step,
        purpose=text.purpose,
        standing=Lifecycle(state=state, reason=reason),
        first_due_at=text.due_at,
        due_at=text.due_at,
        time_zone=run.zone.key,
        expires_at=text.expires_at,
        timer_at=earliest(text.due_at, text.expires_at) if state is FollowUpState.PENDING else None,
        accepted_at=None,
        sender_number=run.sender_number,
        priority=PRIORITIES[text.purpose],
        policy=text.policy,
        subject=run.subject,
        locale=text.locale,
        trigger_id=run.trigger_id,
        consent_reports=run.consent_reports,
        inbound_at=run.inbound_at,
        correlation_id=run.correlation_id,
        asked_by=run.asked_by,
        changes=1,
        created_at=now,
    )


def _row(follow_up: FollowUp, run: NewRun, now: datetime) -> dict[str, Any]:
    """Return the row of a new text, less its sealed template and facts."""
    standing = follow_up.standing
    return {
        "id": follow_up.id,
        "partition": follow_up.partition,
        "merchant_id": follow_up.merchant_id,
        "recipient_id": follow_up.recipient_id,
        "enrollment_id": follow_up.enrollment_id,
        "flow": follow_up.flow,
        "flow_version": follow_up.flow_version,
        "step": follow_up.step,
        "purpose": follow_up.purpose,
        "arm": None,
        "state": standing.state,
        "reason": standing.reason,
        "release": 0,
        "is_too_late": False,
        "unwanted_as": None,
        "unwanted_reason": None,
        "proofs": {},
        "changes": follow_up.changes,
        "first_due_at": follow_up.first_due_at,
        "due_at": follow_up.due_at,
        "due_local": local_text(follow_up.due_at, run.zone),
        "time_zone": follow_up.time_zone,
        "expires_at": follow_up.expires_at,
        "timer_at": follow_up.timer_at,
        "accepted_at": None,
        "sender_number": follow_up.sender_number,
        "priority": int(follow_up.priority),
        "policy": _said(follow_up.policy),
        "subject": follow_up.subject,
        "locale": follow_up.locale,
        "contact": run.contact,
        "trigger_id": follow_up.trigger_id,
        "consent_reports": [str(report) for report in follow_up.consent_reports],
        "inbound_at": follow_up.inbound_at,
        "correlation_id": follow_up.correlation_id,
        "asked_by": follow_up.asked_by,
        "created_at": now,
        "updated_at": now,
        "ended_at": now if standing.state in ENDS else None,
    }


@lru_cache(maxsize=256)
def _said(policy: SendPolicy) -> Mapping[str, Any]:
    """Return a policy as it is stored; all texts of a flow have the same one."""
    return policy.model_dump(mode="json")


def local_text(at: datetime, zone: ZoneInfo) -> str:
    """Return the wall clock's reading at an instant, without the zone's name."""
    return at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
