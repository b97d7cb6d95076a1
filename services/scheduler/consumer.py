"""The scheduler's event door: triggers, consents, the gate's answers, dispatches, replies."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa

from services.scheduler import erasure, exports, instruments
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest, cancel, settle
from services.scheduler.release.distances import keep_distances
from services.scheduler.release.pacing import pause_after_lapse, spread
from services.scheduler.runs import recipients
from services.scheduler.runs.enrolment import ANSWER_FLOW, built_in_version
from services.scheduler.runs.facts import recipient_names, zone_of
from services.scheduler.runs.gate_advice import consents_of
from services.scheduler.runs.keyword_answers import PURPOSES, REPLY_ANSWER_LIMIT, answer
from services.scheduler.runs.plan import MerchantDefaults, PlannedText, end_before_beginning
from services.scheduler.runs.planner import NewRun, Planner, Version, Versions, names_of
from services.scheduler.runs.recipients import StoredRecipient
from services.scheduler.runs.triggers import NO_MERCHANT, Triggers
from services.scheduler.settings import SchedulerSettings
from services.scheduler.store import FollowUp, by_recipient, load, load_open
from services.scheduler.tables import closed_merchants, follow_ups, system_tables
from shared import rights
from shared.bus.router import Router
from shared.config.directory import Merchant, MerchantDirectory
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentChanged, MerchantClosed, PrivacyRequested, RecipientErased
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown, DispatchWaiting
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpLapsed, Purpose, ResendPolicy
from shared.events.trigger import Contact, TriggerReceived
from shared.privacy import Sealer
from shared.telemetry.logs import logger
from shared.vocabulary.follow_up_states import OPEN, RUNNING, FollowUpState
from shared.vocabulary.purposes import Priority

Ring: TypeAlias = Callable[[datetime], None]
"""Tells the loop that something becomes due at an instant."""
ReleaseAnswer: TypeAlias = (
    FollowUpDeferred
    | FollowUpBlocked
    | FollowUpLapsed
    | DispatchAccepted
    | DispatchDelivered
    | DispatchFailed
    | DispatchUnknown
)
"""What others say of a release."""

_OPENING_REASONS = frozenset({"quiet_hours", "holiday"})
"""Deferrals that end for many people at the same instant."""
_MESSAGE_EXPIRED = "message_expired"
_CLOSING_BATCH = 500

log = logger(__name__)


class Handlers:
    """Takes events in batches in which no two concern the same recipient."""

    def __init__(
        self,
        merchants: MerchantDirectory,
        sealer: Sealer,
        planner: Planner,
        versions: Versions,
        triggers: Triggers,
        settings: SchedulerSettings,
        ring: Ring,
    ) -> None:
        self._merchants = merchants
        self._sealer = sealer
        self._planner = planner
        self._versions = versions
        self._triggers = triggers
        self._ring = ring
        self._unconfirmed_after = timedelta(hours=settings.unconfirmed_hours)
        self._spread_over = timedelta(seconds=settings.spread_seconds)

    def router(self) -> Router:
        """Return the event door; answers of every kind share a handler, so that a round is settled in one go."""
        router = Router()
        router.on(TriggerReceived)(self.take_triggers)
        router.on(FollowUpDeferred)(self.take_answers)
        router.on(FollowUpBlocked)(self.take_answers)
        router.on(FollowUpLapsed)(self.take_answers)
        router.on(DispatchAccepted)(self.take_answers)
        router.on(DispatchDelivered)(self.take_answers)
        router.on(DispatchFailed)(self.take_answers)
        router.on(DispatchUnknown)(self.take_answers)
        router.on(DispatchWaiting)(self.take_waits)
        router.on(ConsentChanged)(self.take_consents)
        router.on(RecipientErased)(self.take_erasures)
        router.on(PrivacyRequested)(rights.Exports(system_tables, self._sealer, exports.held).answer)
        router.on(MerchantClosed)(self.take_closings)
        router.on(ReplyReceived)(self.take_replies)
        return router

    async def take_triggers(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> None:
        """Cancel what they make unwanted, enrol, plan."""
        self._ring_for(await self._triggers.take(events, uow))

    async def take_answers(self, events: Sequence[ReleaseAnswer], uow: UnitOfWork) -> None:
        """Move each follow-up as its release turned out."""
        known = await load(uow.db, "id", [event.follow_up_id for event in events])
        moves = []
        for event in events:
            follow_up = known.get(event.follow_up_id)
            if follow_up is None:
                log.warning("unknown_follow_up", follow_up_id=str(event.follow_up_id), type=event.type)
            else:
                moves.append(move_of(event, follow_up, self._spread_over, uow.now))
        settled = await settle(uow, moves, self._unconfirmed_after)
        await keep_distances(uow, self._versions, moves, settled)
        self._ring_for([each.follow_up for each in settled])

    async def take_waits(self, events: Sequence[DispatchWaiting], uow: UnitOfWork) -> None:
        """Keep what the sender says of a release under way, for whoever asks; nothing moves by it."""
        known = await load(uow.db, "id", [event.follow_up_id for event in events])
        rows = [
            {"id": event.follow_up_id, "reason": event.reason, "waits_until": event.until, "waits_detail": event.detail}
            for event in events
            if (text := known.get(event.follow_up_id)) is not None
            and text.standing.state is FollowUpState.RELEASED
            and text.standing.release == event.release
        ]
        await uow.db.change(follow_ups, rows)

    async def take_consents(self, events: Sequence[ConsentChanged], uow: UnitOfWork) -> None:
        """Cancel what the person no longer permits; an older word of the ledger changes nothing."""
        barred_of = {event.recipient_id: barred_purposes(event) for event in events}
        texts = by_recipient((await load_open(uow.db, [each for each, barred in barred_of.items() if barred])).values())
        known = await recipients.people(uow.db, [*barred_of])
        unwanted: list[FollowUp] = []
        changed: list[StoredRecipient] = []
        for event in events:
            person = known.get(event.recipient_id) or StoredRecipient(event.recipient_id, event.merchant_id)
            if event.epoch < person.consent_epoch:
                continue
            barred = barred_of[event.recipient_id]
            own = texts.get(event.recipient_id, ())
            unwanted += [text for text in own if text.standing.state in OPEN and text.purpose in barred]
            changed.append(
                replace(person, consent_epoch=event.epoch, suppressed=event.suppressed, consents=consents_of(event))
            )
        await cancel(uow, unwanted, "opt_out", self._unconfirmed_after)
        await recipients.save(uow.db, changed)

    async def take_erasures(self, events: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Cancel everything, blank what is sealed, and remember to forget what comes late."""
        ids = [event.recipient_id for event in events]
        texts = await load_open(uow.db, ids)
        known = await recipients.people(uow.db, ids)
        running = [text for text in texts.values() if text.standing.state in RUNNING]
        await cancel(uow, running, "erased", self._unconfirmed_after)
        for event in events:
            rights.certify(uow, system_tables, event, await erasure.blank(uow.db, event.recipient_id))
        persons = [
            known.get(event.recipient_id) or StoredRecipient(event.recipient_id, event.merchant_id) for event in events
        ]
        await recipients.save(uow.db, [replace(person, erased_at=uow.now, **erasure.FORGOTTEN) for person in persons])

    async def take_closings(self, events: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Cancel everything of a shop; what happened there before will start nothing. Rare, and costs a full scan."""
        for event in events:
            closing = {"merchant_id": event.merchant_id, "closed_at": event.occurred_at, "reason": event.reason}
            await uow.db.upsert(closed_merchants, [closing])
            table = follow_ups.c
            found = await uow.db.rows(
                sa.select(table.id).where(table.merchant_id == event.merchant_id, table.state.in_(sorted(RUNNING)))
            )
            ids = [row["id"] for row in found]
            for start in range(0, len(ids), _CLOSING_BATCH):
                texts = await load(uow.db, "id", ids[start : start + _CLOSING_BATCH])
                await cancel(uow, [*texts.values()], "merchant_closed", self._unconfirmed_after)
            if event.reason == rights.SHOP_ERASURE:
                rights.certify(uow, system_tables, event, await erasure.blank_shop(uow.db, event.merchant_id))

    async def take_replies(self, events: Sequence[ReplyReceived], uow: UnitOfWork) -> None:
        """Plan an answer to HELP and STOP, unless the provider answers by itself; a repeat plans nothing."""
        asking = [
            event
            for event in events
            if event.reply_class in PURPOSES and not event.provider_answers and not event.repeats_opt_out
        ]
        known = await recipients.people(uow.db, [event.recipient_id for event in asking])
        runs = []
        for event in asking:
            merchant = self._merchants.get(event.merchant_id)
            person = known.get(event.recipient_id)
            if merchant is None:
                uow.set_aside(event, NO_MERCHANT)
            elif person is None or person.erased_at is None:
                contact = recipients.contact_of(self._sealer, merchant.id, event.recipient_id, event.contact)
                runs.append(answer_run(event, merchant, contact, uow.now))
        self._ring_for(await self._planner.lay_down(uow, runs))

    def _ring_for(self, texts: Sequence[FollowUp]) -> None:
        """Tell the loop about the earliest moment at which one of these wants attention."""
        if moments := [each.timer_at for each in texts if each.timer_at is not None]:
            self._ring(min(moments))


def move_of(event: ReleaseAnswer, follow_up: FollowUp, spread_over: timedelta, now: datetime) -> TransitionRequest:
    """Return what an answer means to its follow-up."""
    match event:
        case FollowUpDeferred():
            until = event.until
            if event.reason in _OPENING_REASONS and follow_up.priority is Priority.MARKETING:
                until = spread(until, follow_up.id, spread_over)
            return TransitionRequest(follow_up, Transition(TransitionKind.DEFERRED, event.reason, event.release), until)
        case FollowUpLapsed():
            instruments.LAPSES.inc()
            until = now + pause_after_lapse(event.release)
            return TransitionRequest(follow_up, Transition(TransitionKind.LAPSED, event.reason, event.release), until)
        case FollowUpBlocked():
            happening = TransitionKind.TOO_LATE if event.reason == _MESSAGE_EXPIRED else TransitionKind.BLOCKED
            return TransitionRequest(follow_up, Transition(happening, event.reason, event.release))
        case DispatchAccepted():
            news = Transition(TransitionKind.ACCEPTED, "accepted", event.release, _attempt(event))
            return TransitionRequest(follow_up, news, accepted_at=event.occurred_at)
        case DispatchDelivered():
            news = Transition(TransitionKind.DELIVERED, "delivered", event.release, _attempt(event))
            return TransitionRequest(follow_up, news, accepted_at=event.accepted_at or event.occurred_at)
        case DispatchUnknown():
            return TransitionRequest(
                follow_up, Transition(TransitionKind.UNKNOWN, event.reason, event.release, _attempt(event))
            )
        case DispatchFailed():
            happening = TransitionKind.UNDELIVERED if event.accepted else TransitionKind.REFUSED
            if event.retry_at is not None:
                happening = TransitionKind.RETRIED
            news = Transition(happening, event.reason, event.release, _attempt(event), was_taken=event.accepted)
            return TransitionRequest(follow_up, news, event.retry_at)


def _attempt(event: DispatchAccepted | DispatchDelivered | DispatchFailed | DispatchUnknown) -> str | None:
    return None if event.attempt_id is None else event.attempt_id.hex


def barred_purposes(event: ConsentChanged) -> frozenset[Purpose]:
    """Return what the ledger's word forbids; answers to the person's own replies never are."""
    if event.suppressed is not None:
        return frozenset({Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL})
    standings = {Purpose.MARKETING: event.marketing, Purpose.INFORMATIONAL: event.informational}
    return frozenset(purpose for purpose, standing in standings.items() if standing.status == "revoked")


def answer_run(event: ReplyReceived, merchant: Merchant, contact: Contact, now: datetime) -> NewRun:
    """Return the run of the built-in flow `answer` that a reply starts; the same reply always starts the same one."""
    purpose = PURPOSES[event.reply_class]
    config = merchant.config
    locale, body = answer(purpose, event.locale or contact.locale, config.locale, has_contact=bool(config.contact))
    expires_at = event.occurred_at + REPLY_ANSWER_LIMIT
    zone = zone_of(contact, config.time_zone)
    text = PlannedText(
        step=purpose,
        purpose=purpose,
        due_at=event.occurred_at,
        expires_at=expires_at,
        locale=locale,
        body=body,
        policy=MerchantDefaults(config.locale, config.policies).policy(None, ResendPolicy.AT_MOST_ONCE),
        ends_as=end_before_beginning(event.occurred_at, expires_at, now, "send"),
    )
    return NewRun(
        merchant=merchant,
        recipient_id=event.recipient_id,
        version=Version.of_content(ANSWER_FLOW, built_in_version(ANSWER_FLOW, ())),
        entry_key=str(event.event_id),
        ordinal=1,
        began_at=event.occurred_at,
        texts=[text],
        zone=zone,
        sender_number=event.sender_number,
        contact=event.contact,
        facts=names_of(merchant, {}, recipient_names(contact), {}, zone),
        correlation_id=event.correlation_id,
        inbound_at=event.occurred_at,
        is_built_in=True,
    )
