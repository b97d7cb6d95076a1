"""Takes triggers: cancels what they make unwanted, starts runs, and updates the counters of people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.scheduler import instruments
from services.scheduler import store as follow_ups
from services.scheduler.lifecycle.follow_up import FollowUp, by_recipient
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest, apply_transitions
from services.scheduler.runs import recipients, store
from services.scheduler.runs.enrolment import Decline, Enrolment, Run, cancel_reason, enrolment, entry_key, key_hash
from services.scheduler.runs.facts import Trigger, recipient_names, zone_of
from services.scheduler.runs.plan import MerchantDefaults, NewRun, names_of, planned, sender_number
from services.scheduler.runs.planner import Planner
from services.scheduler.runs.recipients import StoredRecipient
from services.scheduler.runs.versions import Versions
from shared import aad
from shared.conditions import ConditionError, Facts
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.flow import Flow
from shared.db.transaction import Row
from shared.db.unit_of_work import UnitOfWork
from shared.events.trigger import ENDING_KINDS, Contact, TriggerReceived
from shared.http.quota import Quotas
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

NO_MERCHANT = "the merchant is not in the folder, or its files are broken"
"""Why an event is set aside until the files are corrected."""

log = logger(__name__)

_HISTORY = timedelta(days=30)
"""How far back `history` counts follow-ups."""
_JUST_NOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Past:
    """What is stored about the people of a batch before it: open follow-ups, and what is needed of ended ones."""

    follow_ups: Mapping[RecipientId, Sequence[FollowUp]]
    """Those that have not ended."""
    accepted: Mapping[RecipientId, Sequence[datetime]]
    persons: Mapping[RecipientId, StoredRecipient]
    closed: Mapping[MerchantId, datetime]

    def history(self, event: TriggerReceived, now: datetime) -> dict[str, Any]:
        """Return the names under ``history``."""
        return self.persons[event.recipient_id].history(self.accepted.get(event.recipient_id, ()), now).names()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A flow that a trigger may start."""

    flow: Flow
    event: TriggerReceived
    trigger: Trigger
    merchant: Merchant
    contact: Contact
    names: Facts
    """Shared by all flows that the trigger may start."""
    key: str | ConditionError
    """The entry key, or why there is none."""


@dataclass(frozen=True, slots=True)
class Triggers:
    """Takes triggers in batches in which no two concern the same recipient."""

    merchants: MerchantDirectory
    sealer: Sealer
    planner: Planner
    versions: Versions
    quotas: Quotas
    unconfirmed_after: timedelta

    async def take(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> list[FollowUp]:
        """Cancel, start runs, count; return the follow-ups that were planned. A repeat changes nothing."""
        known: list[tuple[TriggerReceived, Merchant]] = []
        for event in events:
            merchant = self.merchants.get(event.merchant_id)
            if merchant is None:
                uow.set_aside(event, NO_MERCHANT)
            else:
                known.append((event, merchant))
        past = await self._past([event for event, _ in known], uow)
        alive = [event for event, _ in known if past.persons[event.recipient_id].erased_at is None]
        # At once, not at the end of the unit: its next round may hold a repeat, or what these cancel.
        is_new = await store.add_seen(uow.db, alive)
        repeats = {event.event_id for event, new in zip(alive, is_new, strict=True) if not new}
        fresh = [(event, merchant) for event, merchant in known if event.event_id not in repeats]
        await self._cancel([event for event, _ in fresh], past, uow)
        started = await self.planner.start(uow, await self._within_quota(await self._runs(fresh, past, uow), uow))
        counted = [event for event in alive if event.event_id not in repeats]
        deals = await store.deals(uow.db, counted)
        changed = []
        for event in counted:
            person = past.persons[event.recipient_id]
            if (after := person.after(event, deals.get(event.recipient_id, ()))) != person:
                changed.append(after)
        await store.save_people(uow.db, changed)
        return started

    async def _past(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> _Past:
        ids = [event.recipient_id for event in events]
        running = (await follow_ups.load_open(uow.db, ids)).values()
        return _Past(
            follow_ups=by_recipient(running),
            accepted=await follow_ups.accepted_since(uow.db, ids, uow.now - _HISTORY, running),
            persons=await store.people(uow.db, events),
            closed=await store.closed_since(uow.db, [event.merchant_id for event in events]),
        )

    async def _cancel(self, fresh: Sequence[TriggerReceived], past: _Past, uow: UnitOfWork) -> None:
        """Cancel what these triggers make unwanted, by the rules of the version that each run began with."""
        running = [
            (event, follow_up)
            for event in fresh
            for follow_up in past.follow_ups.get(event.recipient_id, ())
            if follow_up.trigger_id != event.event_id
        ]
        terms = await self.versions.terms(uow.db, {follow_up.flow_version for _, follow_up in running})
        unwanted: list[tuple[FollowUp, str]] = []
        concerned = []
        for event, follow_up in running:
            if event.kind in ENDING_KINDS and event.subject is not None and event.subject == follow_up.subject:
                unwanted.append((follow_up, event.kind))  # whatever its flow says
            elif any(rule.on == event.kind for rule in terms[follow_up.flow_version].cancel_on):
                concerned.append((event, follow_up))
        facts = await follow_ups.sealed_facts(uow.db, [follow_up.id for _, follow_up in concerned])
        for event, follow_up in concerned:
            began = self._facts_of(follow_up, facts.get(follow_up.id))
            names = {
                "trigger": began.get("trigger", {}),
                "recipient": began.get("recipient", {}),
                "history": past.history(event, uow.now),
                "now": uow.now,
            }
            rules = terms[follow_up.flow_version].cancel_on
            if (reason := cancel_reason(rules, recipients.opened(self.sealer, event), names)) is None:
                continue
            unwanted.append((follow_up, reason))
            if reason == Decline.CONDITION_ERROR:
                instruments.CONDITION_ERRORS.labels("cancel_on").inc()
                log.warning("condition_error", follow_up_id=str(follow_up.id), flow=follow_up.flow, where="cancel_on")
        requests = [
            TransitionRequest(follow_up, Transition(TransitionKind.CANCELLED, reason)) for follow_up, reason in unwanted
        ]
        await apply_transitions(uow, requests, self.unconfirmed_after)

    def _facts_of(self, follow_up: FollowUp, sealed: bytes | None) -> Mapping[str, Any]:
        """Return the names that the texts of a run read; none where they were erased."""
        place = aad.text_facts(follow_up.id)
        return orjson.loads(self.sealer.open(follow_up.merchant_id, place, sealed)) if sealed else {}

    async def _runs(
        self, fresh: Sequence[tuple[TriggerReceived, Merchant]], past: _Past, uow: UnitOfWork
    ) -> list[NewRun]:
        """Return the runs that these triggers start, reading only what each flow's rules need."""
        candidates = [
            candidate for event, merchant in fresh for candidate in self._candidates(event, merchant, past, uow.now)
        ]
        if not candidates:
            return []
        keys = [
            (candidate.event.recipient_id, candidate.flow.flow, key_hash(candidate.key))
            for candidate in candidates
            if not isinstance(candidate.key, ConditionError)
        ]
        runs = await store.latest_runs(uow.db, keys)
        seen = await self._seen_since(candidates, uow)
        started = []
        for candidate in candidates:
            rows = seen.get(candidate.event.recipient_id, ())
            outcome = self._run(
                candidate, runs.get((candidate.event.recipient_id, candidate.flow.flow), {}), rows, uow.now
            )
            if isinstance(outcome, NewRun):
                started.append(outcome)
                continue
            instruments.DECLINED.labels(outcome).inc()
            if outcome is Decline.CONDITION_ERROR:
                instruments.CONDITION_ERRORS.labels("when").inc()
            if outcome in {Decline.CONDITION_ERROR, Decline.NO_SENDER_NUMBER}:
                log.warning(
                    "not_enrolled", flow=candidate.flow.flow, trigger_id=str(candidate.event.event_id), reason=outcome
                )
        return started

    async def _seen_since(self, candidates: Sequence[_Candidate], uow: UnitOfWork) -> dict[RecipientId, list[Row]]:
        """Return what people did since a trigger that may start a run: recent ones in one query."""
        happened = {candidate.event.recipient_id: candidate.event.occurred_at for candidate in candidates}
        fresh = [key for key, at in happened.items() if at > uow.now - _JUST_NOW]
        seen = await store.seen_since(uow.db, fresh, min((happened[key] for key in fresh), default=uow.now))
        for key in happened.keys() - {*fresh}:
            seen |= await store.seen_since(uow.db, [key], happened[key])
        return seen

    def _candidates(self, event: TriggerReceived, merchant: Merchant, past: _Past, now: datetime) -> list[_Candidate]:
        """Return the flows that a trigger may start."""
        flows = [flow for _, flow in sorted(merchant.flows.items()) if flow.on == event.kind]
        if not flows:
            return []
        person = past.persons[event.recipient_id]
        closed_at = past.closed.get(event.merchant_id)
        if person.erased_at is not None or (closed_at is not None and event.occurred_at <= closed_at):
            instruments.DECLINED.labels(Decline.ERASED if person.erased_at is not None else Decline.CLOSED).inc()
            return []
        contact = recipients.contact_of(self.sealer, merchant.id, event.recipient_id, event.contact)
        trigger = recipients.opened(self.sealer, event)
        names = Facts(
            trigger=trigger.names(), recipient=recipient_names(contact), history=past.history(event, now), now=now
        )
        return [
            _Candidate(flow, event, trigger, merchant, contact, names, entry_key(flow.enter, names)) for flow in flows
        ]

    async def _within_quota(self, runs: Sequence[NewRun], uow: UnitOfWork) -> list[NewRun]:
        """Return the runs for which their merchants have quota left; the others are counted and do not start.

        What the triggers cancel, and what is stored of them, needs no quota.
        """
        planned_now = await follow_ups.pending_of(uow.db, [run.merchant.id for run in runs])
        kept, refused = [], Counter[MerchantId]()
        for run in runs:
            limit = self.quotas.pending_limit(run.merchant.config.quotas)
            if planned_now[run.merchant.id] + len(run.texts) > limit:
                refused[run.merchant.id] += 1
                continue
            planned_now[run.merchant.id] += len(run.texts)
            kept.append(run)
        for merchant, count in refused.items():
            instruments.DECLINED.labels(Decline.PENDING_QUOTA).inc(count)
            self.quotas.note_refused(merchant, "triggers", "pending", count)
            log.warning("not_enrolled", merchant=merchant, runs=count, reason=Decline.PENDING_QUOTA)
        return kept

    def _run(
        self, candidate: _Candidate, runs: Mapping[bytes, Run], seen: Sequence[Row], now: datetime
    ) -> NewRun | Decline:
        flow, event, merchant, names = candidate.flow, candidate.event, candidate.merchant, candidate.names
        earlier = recipients.cancelling(self.sealer, flow, seen, event.event_id)
        outcome = enrolment(flow, candidate.trigger, names, runs, earlier, candidate.key)
        if not isinstance(outcome, Enrolment):
            return outcome
        number = sender_number(merchant.config.numbers, E164(candidate.contact.phone), event.recipient_id)
        if number is None:
            return Decline.NO_SENDER_NUMBER
        zone = zone_of(candidate.contact, merchant.config.time_zone)
        defaults = MerchantDefaults(merchant.config.locale, merchant.config.policies)
        return NewRun(
            merchant=merchant,
            recipient_id=event.recipient_id,
            version=self.versions.of(flow),
            entry_key=outcome.entry_key,
            ordinal=outcome.ordinal,
            began_at=event.occurred_at,
            texts=planned(flow, event.occurred_at, now, zone, candidate.contact, defaults),
            zone=zone,
            sender_number=number.number,
            contact=event.contact,
            facts=names_of(merchant, names["trigger"], names["recipient"], names["history"], zone),
            correlation_id=event.correlation_id,
            trigger_id=event.event_id,
            subject=event.subject,
            consent_reports=event.consent_reports,
            asked_by=event.asked_by,
        )
