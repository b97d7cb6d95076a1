"""Triggers: what happened at the shop ends runs that it makes unwanted, starts new ones, and moves the counters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.scheduler import instruments
from services.scheduler.lifecycle import pending
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest, settle
from services.scheduler.runs import recipients
from services.scheduler.runs.enrolment import Decline, Enrolment, Run, cancel_reason, enrolment, entry_key, key_hash
from services.scheduler.runs.facts import Trigger, recipient_names, zone_of
from services.scheduler.runs.plan import MerchantDefaults, planned, sender_number
from services.scheduler.runs.planner import NewRun, Planner, Versions, names_of
from services.scheduler.runs.recipients import StoredRecipient
from services.scheduler.settings import SchedulerSettings
from services.scheduler.store import FollowUp, by_recipient, load_open, sealed_facts, taken_since
from services.scheduler.tables import triggers_seen
from shared import aad
from shared.conditions import ConditionError, Facts
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
from shared.vocabulary.follow_up_states import RUNNING

NO_MERCHANT = "the merchant is not in the folder, or its files are broken"
"""Why an event is set aside until the files are mended."""

log = logger(__name__)


def ends(event: TriggerReceived, subject: str | None) -> bool:
    """Return whether an event ends whatever waits about a subject, whatever its flow says."""
    return event.kind in ENDING_KINDS and event.subject is not None and event.subject == subject


_HISTORY = timedelta(days=30)
"""As far as `history` looks back for texts."""
_JUST_NOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of the people of a batch before it: what is open, and of what is over no more than is asked for."""

    texts: Mapping[RecipientId, Sequence[FollowUp]]
    """Those that have not ended."""
    taken: Mapping[RecipientId, Sequence[datetime]]
    persons: Mapping[RecipientId, StoredRecipient]
    closed: Mapping[MerchantId, datetime]

    def person(self, event: TriggerReceived) -> StoredRecipient:
        return self.persons.get(event.recipient_id) or StoredRecipient(event.recipient_id, event.merchant_id)

    def history(self, event: TriggerReceived, now: datetime) -> dict[str, Any]:
        """Return what stands under ``history``."""
        return self.person(event).history(self.taken.get(event.recipient_id, ()), now).names()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A flow that an event may start."""

    flow: Flow
    event: TriggerReceived
    trigger: Trigger
    merchant: Merchant
    contact: Contact
    names: Facts
    """Every flow that the event may start reads the same."""
    key: str | ConditionError
    """What the run would be unique for."""


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

    async def take(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> list[FollowUp]:
        """Cancel, enrol, count; return the texts that were planned. A repeat changes nothing."""
        known: list[tuple[TriggerReceived, Merchant]] = []
        for event in events:
            merchant = self._merchants.get(event.merchant_id)
            if merchant is None:
                uow.set_aside(event, NO_MERCHANT)
            else:
                known.append((event, merchant))
        past = await self._past([event for event, _ in known], uow)
        alive = [event for event, _ in known if past.person(event).erased_at is None]
        # At once, not at the end of the unit: its next round may hold a repeat, or what these cancel.
        is_new = await uow.db.insert_new(triggers_seen, [recipients.seen_row(event) for event in alive])
        repeats = {event.event_id for event, new in zip(alive, is_new, strict=True) if not new}
        fresh = [(event, merchant) for event, merchant in known if event.event_id not in repeats]
        await self._cancel(fresh, past, uow)
        laid = await self._planner.lay_down(uow, await self._within_quota(await self._runs(fresh, past, uow), uow))
        told = [event for event in alive if event.event_id not in repeats]
        deals = await recipients.deals(uow.db, told)
        before = [(event, past.person(event)) for event in told]
        persons = [(person, person.after(event, deals.get(event.recipient_id, ()))) for event, person in before]
        await recipients.save(uow.db, [after for person, after in persons if after != person])
        return laid

    async def _past(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> _Past:
        ids = [event.recipient_id for event in events]
        running = (await load_open(uow.db, ids)).values()
        return _Past(
            texts=by_recipient(running),
            taken=await taken_since(uow.db, ids, uow.now - _HISTORY, running),
            persons=await recipients.people(uow.db, ids),
            closed=await recipients.closings(uow.db, [event.merchant_id for event in events]),
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
            TransitionRequest(text, Transition(TransitionKind.CANCELLED, event.kind))
            for event, text in running
            if (event.event_id, text.id) in over
        ]
        for event, text in concerned:
            names = {"history": past.history(event, uow.now), "now": uow.now}
            reason = self._reason(event, text, rules[text.flow_version], facts, names)
            if reason is not None:
                moves.append(TransitionRequest(text, Transition(TransitionKind.CANCELLED, reason)))
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
        began = orjson.loads(self._sealer.open(text.merchant_id, aad.text_facts(text.id), sealed)) if sealed else {}
        names = {**names, "trigger": began.get("trigger", {}), "recipient": began.get("recipient", {})}
        reason = cancel_reason(rules, recipients.opened(self._sealer, event), names)
        if reason == Decline.CONDITION_ERROR:
            instruments.CONDITION_ERRORS.labels("cancel_on").inc()
            log.warning("condition_error", follow_up_id=str(text.id), flow=text.flow, where="cancel_on")
        return reason

    async def _runs(
        self, fresh: Sequence[tuple[TriggerReceived, Merchant]], past: _Past, uow: UnitOfWork
    ) -> list[NewRun]:
        """Return the runs that these triggers start, looking up what each flow's rules ask for and nothing else."""
        candidates = [each for event, merchant in fresh for each in self._candidates(event, merchant, past, uow.now)]
        if not candidates:
            return []
        keys = [
            (each.event.recipient_id, each.flow.flow, key_hash(each.key))
            for each in candidates
            if not isinstance(each.key, ConditionError)
        ]
        runs = await recipients.runs(uow.db, keys)
        seen = await self._seen_since(candidates, uow)
        started = []
        for each in candidates:
            rows = seen.get(each.event.recipient_id, ())
            outcome = self._run(each, runs.get((each.event.recipient_id, each.flow.flow), {}), rows, uow.now)
            if isinstance(outcome, NewRun):
                started.append(outcome)
                continue
            instruments.DECLINED.labels(outcome).inc()
            if outcome is Decline.CONDITION_ERROR:
                instruments.CONDITION_ERRORS.labels("when").inc()
            if outcome in {Decline.CONDITION_ERROR, Decline.NO_SENDER_NUMBER}:
                log.warning("not_enrolled", flow=each.flow.flow, trigger_id=str(each.event.event_id), reason=outcome)
        return started

    async def _seen_since(self, candidates: Sequence[_Candidate], uow: UnitOfWork) -> dict[RecipientId, list[Row]]:
        """Return what people did since what may start a run: together where that is just now, else one by one."""
        happened = {each.event.recipient_id: each.event.occurred_at for each in candidates}
        fresh = [key for key, at in happened.items() if at > uow.now - _JUST_NOW]
        seen = await recipients.seen_since(uow.db, fresh, min((happened[key] for key in fresh), default=uow.now))
        for key in happened.keys() - {*fresh}:
            seen |= await recipients.seen_since(uow.db, [key], happened[key])
        return seen

    def _candidates(self, event: TriggerReceived, merchant: Merchant, past: _Past, now: datetime) -> list[_Candidate]:
        """Return the flows that an event may start."""
        flows = [flow for _, flow in sorted(merchant.flows.items()) if flow.on == event.kind]
        if not flows:
            return []
        person = past.person(event)
        closed_at = past.closed.get(event.merchant_id)
        if person.erased_at is not None or (closed_at is not None and event.occurred_at <= closed_at):
            instruments.DECLINED.labels(Decline.ERASED if person.erased_at is not None else Decline.CLOSED).inc()
            return []
        contact = recipients.contact_of(self._sealer, merchant.id, event.recipient_id, event.contact)
        trigger = recipients.opened(self._sealer, event)
        names = Facts(
            trigger=trigger.names(), recipient=recipient_names(contact), history=past.history(event, now), now=now
        )
        return [
            _Candidate(flow, event, trigger, merchant, contact, names, entry_key(flow.enter, names)) for flow in flows
        ]

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

    def _run(self, each: _Candidate, runs: Mapping[bytes, Run], seen: Sequence[Row], now: datetime) -> NewRun | Decline:
        flow, event, merchant, names = each.flow, each.event, each.merchant, each.names
        kinds = {rule.on for rule in flow.cancel_on} | ENDING_KINDS
        others = (row for row in seen if row["kind"] in kinds and row["event_id"] != event.event_id)
        earlier = [recipients.opened(self._sealer, row) for row in others]
        outcome = enrolment(flow, each.trigger, names, runs, earlier, each.key)
        if not isinstance(outcome, Enrolment):
            return outcome
        number = sender_number(merchant.config.numbers, E164(each.contact.phone), event.recipient_id)
        if number is None:
            return Decline.NO_SENDER_NUMBER
        zone = zone_of(each.contact, merchant.config.time_zone)
        house = MerchantDefaults(merchant.config.locale, merchant.config.policies)
        return NewRun(
            merchant=merchant,
            recipient_id=event.recipient_id,
            version=self._versions.of(flow),
            entry_key=outcome.entry_key,
            ordinal=outcome.ordinal,
            began_at=event.occurred_at,
            texts=planned(flow, event.occurred_at, now, zone, each.contact, house),
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
