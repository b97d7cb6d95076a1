"""Triggers: what happened at the shop ends runs that it makes unwanted, starts new ones, and moves the counters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.scheduler import instruments, pending, people
from services.scheduler.domain.enrolment import Decline, Enrolment, cancel_reason, enrolment
from services.scheduler.domain.facts import recipient_names, zone_of
from services.scheduler.domain.planning import House, planned, sender_number
from services.scheduler.domain.states import RUNNING, Happening, News
from services.scheduler.people import Person
from services.scheduler.planner import NewRun, Planner, Versions, names_of
from services.scheduler.settings import SchedulerSettings
from services.scheduler.settling import Move, settle
from services.scheduler.store import FollowUp, by_recipient, load, sealed_facts
from services.scheduler.tables import triggers_seen
from shared import places
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.flow import CancelRule, Flow
from shared.db.transaction import Row
from shared.db.unit_of_work import UnitOfWork
from shared.events.trigger import ENDING_KINDS, Contact, TriggerReceived
from shared.http.quota import Quotas
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

NO_MERCHANT = "the merchant is not in the folder, or its files are broken"
"""Why an event is set aside until the files are mended."""

log = logger(__name__)


def ends(event: TriggerReceived, subject: str | None) -> bool:
    """Return whether an event ends whatever waits about a subject, whatever its flow says."""
    return event.kind in ENDING_KINDS and event.subject is not None and event.subject == subject


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of the people of a batch before it."""

    texts: Mapping[RecipientId, Sequence[FollowUp]]
    persons: Mapping[RecipientId, Person]
    runs: Mapping[tuple[RecipientId, str], Any]
    seen: Mapping[RecipientId, Sequence[Row]]
    closed: Mapping[MerchantId, datetime]

    def person(self, event: TriggerReceived) -> Person:
        return self.persons.get(event.recipient_id) or Person(event.recipient_id, event.merchant_id)

    def is_repeat(self, event: TriggerReceived) -> bool:
        return any(row["event_id"] == event.event_id for row in self.seen.get(event.recipient_id, ()))


class Triggers:
    """Takes triggers in batches in which no two concern the same recipient."""

    def __init__(
        self,
        merchants: MerchantDirectory,
        sealer: Sealer,
        planner: Planner,
        versions: Versions,
        settings: SchedulerSettings,
        quotas: Quotas,
    ) -> None:
        self._quotas = quotas
        self._merchants = merchants
        self._sealer = sealer
        self._planner = planner
        self._versions = versions
        self._unconfirmed_after = timedelta(hours=settings.unconfirmed_hours)
        self._look_back = timedelta(days=settings.look_back_days)

    async def take(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> list[FollowUp]:
        """Cancel, enrol, count; return the texts that were planned. A repeat changes nothing."""
        past = await self._past(events, uow)
        fresh: list[tuple[TriggerReceived, Merchant]] = []
        for event in events:
            merchant = self._merchants.get(event.merchant_id)
            if merchant is None:
                uow.set_aside(event, NO_MERCHANT)
            elif not past.is_repeat(event):
                fresh.append((event, merchant))
        await self._cancel(fresh, past, uow)
        runs = [run for event, merchant in fresh for run in self._runs(event, merchant, past, uow.now)]
        laid = await self._planner.lay_down(uow, await self._within_quota(runs, uow))
        alive = [event for event, _ in fresh if past.person(event).erased_at is None]
        # At once, not at the end of the unit: its next round may hold a repeat, or what these cancel.
        await uow.db.insert_new(triggers_seen, [people.seen_row(event) for event in alive])
        persons = [
            (past.person(event), past.person(event).after(event, past.seen.get(event.recipient_id, ())))
            for event in alive
        ]
        await people.save(uow.db, [after for before, after in persons if after != before])
        await people.forget_old(uow.db, {key: [*rows] for key, rows in past.seen.items()}, uow.now - self._look_back)
        return laid

    async def _past(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> _Past:
        ids = [event.recipient_id for event in events]
        texts = by_recipient((await load(uow.db, "recipient_id", ids)).values())
        return _Past(
            texts=texts,
            persons=await people.people(uow.db, ids),
            runs=await people.runs(uow.db, ids),
            seen=await people.seen(uow.db, ids),
            closed=await people.closings(uow.db, [event.merchant_id for event in events]),
        )

    async def _cancel(self, fresh: Sequence[tuple[TriggerReceived, Merchant]], past: _Past, uow: UnitOfWork) -> None:
        """End what these events make unwanted: of each text, by the rules of the version its run began with."""
        running = [
            (event, text)
            for event, _ in fresh
            for text in past.texts.get(event.recipient_id, ())
            if text.standing.state in RUNNING and text.trigger_id != event.event_id
        ]
        over = {(event.event_id, text.id) for event, text in running if ends(event, text.subject)}
        terms = await self._versions.terms(uow.db, {text.flow_version for _, text in running})
        rules = {version: each.cancel_on for version, each in terms.items()}
        concerned = [
            (event, text)
            for event, text in running
            if (event.event_id, text.id) not in over and any(r.on == event.kind for r in rules[text.flow_version])
        ]
        facts = await sealed_facts(uow.db, [text.id for _, text in concerned])
        moves = [
            Move(text, News(Happening.CANCELLED, event.kind))
            for event, text in running
            if (event.event_id, text.id) in over
        ]
        for event, text in concerned:
            person = past.person(event)
            history = person.history(past.texts.get(event.recipient_id, ()), uow.now).names()
            reason = self._reason(event, text, rules[text.flow_version], facts, {"history": history, "now": uow.now})
            if reason is not None:
                moves.append(Move(text, News(Happening.CANCELLED, reason)))
        await settle(uow, moves, self._unconfirmed_after)

    def _reason(
        self,
        event: TriggerReceived,
        text: FollowUp,
        rules: Sequence[CancelRule],
        facts: Mapping[FollowUpId, bytes],
        names: Mapping[str, Any],
    ) -> str | None:
        sealed = facts.get(text.id)
        began = orjson.loads(self._sealer.open(text.merchant_id, places.text_facts(text.id), sealed)) if sealed else {}
        names = {**names, "trigger": began.get("trigger", {}), "recipient": began.get("recipient", {})}
        reason = cancel_reason(rules, people.opened(self._sealer, event), names)
        if reason == Decline.CONDITION_ERROR:
            instruments.CONDITION_ERRORS.labels("cancel_on").inc()
            log.warning("condition_error", follow_up_id=str(text.id), flow=text.flow, where="cancel_on")
        return reason

    def _runs(self, event: TriggerReceived, merchant: Merchant, past: _Past, now: datetime) -> list[NewRun]:
        """Return the runs that this trigger starts."""
        flows = [flow for _, flow in sorted(merchant.flows.items()) if flow.on == event.kind]
        if not flows:
            return []
        person = past.person(event)
        closed_at = past.closed.get(event.merchant_id)
        if person.erased_at is not None or (closed_at is not None and event.occurred_at <= closed_at):
            instruments.DECLINED.labels(Decline.ERASED if person.erased_at is not None else Decline.CLOSED).inc()
            return []
        contact = people.contact_of(self._sealer, merchant.id, event.recipient_id, event.contact)
        started = []
        for flow in flows:
            outcome = self._run(flow, event, merchant, contact, past, now)
            if isinstance(outcome, NewRun):
                started.append(outcome)
                continue
            instruments.DECLINED.labels(outcome).inc()
            if outcome is Decline.CONDITION_ERROR:
                instruments.CONDITION_ERRORS.labels("when").inc()
            if outcome in {Decline.CONDITION_ERROR, Decline.NO_SENDER_NUMBER}:
                log.warning("not_enrolled", flow=flow.flow, trigger_id=str(event.event_id), reason=outcome)
        return started

    async def _within_quota(self, runs: Sequence[NewRun], uow: UnitOfWork) -> list[NewRun]:
        """Return the runs for which their merchants may plan texts; the others are counted and told, and do not start.

        What the triggers cancel, and what is remembered of them, is not held to any quota.
        """
        standing = await pending.counts(uow.db, [run.merchant.id for run in runs])
        kept, refused = [], Counter[MerchantId]()
        for run in runs:
            limit = self._quotas.pending_limit(run.merchant.config.quotas)
            if standing[run.merchant.id] + len(run.texts) > limit:
                refused[run.merchant.id] += 1
                continue
            standing[run.merchant.id] += len(run.texts)
            kept.append(run)
        for merchant, count in refused.items():
            instruments.DECLINED.labels(Decline.PENDING_QUOTA).inc(count)
            self._quotas.note_refused(merchant, "triggers", "pending", count)
            log.warning("not_enrolled", merchant=merchant, runs=count, reason=Decline.PENDING_QUOTA)
        return kept

    def _run(
        self,
        flow: Flow,
        event: TriggerReceived,
        merchant: Merchant,
        contact: Contact,
        past: _Past,
        now: datetime,
    ) -> NewRun | Decline:
        trigger = people.opened(self._sealer, event)
        history = past.person(event).history(past.texts.get(event.recipient_id, ()), now).names()
        recipient = recipient_names(contact)
        names = {"trigger": trigger.names(), "recipient": recipient, "history": history, "now": now}
        kinds = {rule.on for rule in flow.cancel_on} | ENDING_KINDS
        earlier = [
            people.opened(self._sealer, row) for row in past.seen.get(event.recipient_id, ()) if row["kind"] in kinds
        ]
        outcome = enrolment(flow, trigger, names, past.runs.get((event.recipient_id, flow.flow), {}), earlier)
        if not isinstance(outcome, Enrolment):
            return outcome
        number = sender_number(merchant.config.numbers, E164(contact.phone), event.recipient_id)
        if number is None:
            return Decline.NO_SENDER_NUMBER
        zone = zone_of(contact, merchant.config.time_zone)
        house = House(merchant.config.locale, merchant.config.policies)
        return NewRun(
            merchant=merchant,
            recipient_id=event.recipient_id,
            version=self._versions.of(flow),
            entry_key=outcome.entry_key,
            ordinal=outcome.ordinal,
            began_at=event.occurred_at,
            texts=planned(flow, event.occurred_at, now, zone, contact, house),
            zone=zone,
            sender_number=number.number,
            contact=event.contact,
            facts=names_of(merchant, trigger.names(), recipient, history, zone),
            correlation_id=event.correlation_id,
            trigger_id=event.event_id,
            subject=event.subject,
            consent_reports=event.consent_reports,
        )
