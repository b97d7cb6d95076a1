"""The scheduler's entry point for events: triggers, consents, the gate's answers, dispatches, replies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias, get_args

from services.scheduler import instruments, store
from services.scheduler.controls import store as control_store
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.lifecycle.follow_up import FollowUp, by_recipient
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest, apply_transitions, cancel
from services.scheduler.release import failing_follow_ups
from services.scheduler.release.pacing import pause_after_lapse, spread
from services.scheduler.release.store import PARKED_AS
from services.scheduler.release.waits import keep_distances
from services.scheduler.runs import recipients
from services.scheduler.runs import store as runs
from services.scheduler.runs.keyword_answers import answer_run, needs_answer
from services.scheduler.runs.recipients import StoredRecipient, after_reply, consents_of
from services.scheduler.runs.triggers import NO_MERCHANT
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentChanged, MerchantClosed, PrivacyRequested, RecipientErased
from shared.events.control import ControlObeyed
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown, DispatchWaiting
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpLapsed, Purpose
from shared.events.trigger import TriggerReceived
from shared.telemetry.logs import logger
from shared.vocabulary.follow_up_states import OPEN, FollowUpState
from shared.vocabulary.purposes import ANSWER_PURPOSES, Priority

log = logger(__name__)

ReleaseAnswer: TypeAlias = (
    FollowUpDeferred
    | FollowUpBlocked
    | FollowUpLapsed
    | DispatchAccepted
    | DispatchDelivered
    | DispatchFailed
    | DispatchUnknown
)
"""An event about one release."""

_OPENING_REASONS = frozenset({"quiet_hours", "holiday"})
"""Deferrals that end for many people at the same instant."""
_MESSAGE_EXPIRED = "message_expired"


def create_router(deps: SchedulerDependencies) -> Router:
    """Return the handlers of events; all answers to releases share one, so that a round is applied as one batch."""
    handlers, privacy = Handlers(deps), deps.privacy
    router = Router()
    router.on(TriggerReceived)(handlers.take_triggers)
    router.on(*get_args(ReleaseAnswer))(handlers.take_answers)
    router.on(DispatchWaiting)(handlers.take_waits)
    router.on(ConsentChanged)(handlers.take_consents)
    router.on(ReplyReceived)(handlers.take_replies)
    router.on(RecipientErased)(privacy.erase_recipients)
    router.on(MerchantClosed)(privacy.close_merchants)
    router.on(ControlObeyed)(handlers.take_obedience)
    router.on(PrivacyRequested)(privacy.exports.answer)
    router.works[PARKED_AS] = failing_follow_ups.resume
    return router


@dataclass(frozen=True, slots=True)
class Handlers:
    """Handle events in batches in which no two concern the same recipient."""

    deps: SchedulerDependencies

    async def take_triggers(self, events: Sequence[TriggerReceived], uow: UnitOfWork) -> None:
        """Cancel what they make unwanted, and start runs."""
        self._wake_for(await self.deps.triggers.take(events, uow), uow)

    async def take_answers(self, events: Sequence[ReleaseAnswer], uow: UnitOfWork) -> None:
        """Apply what the gate and the sender say of releases."""
        known = await store.load(uow.db, "id", [event.follow_up_id for event in events])
        spread_over = timedelta(seconds=self.deps.settings.spread_seconds)
        requests = []
        for event in events:
            follow_up = known.get(event.follow_up_id)
            if follow_up is None:
                log.warning("unknown_follow_up", follow_up_id=str(event.follow_up_id), type=event.type)
            else:
                requests.append(_request_of(event, follow_up, spread_over, uow.now))
        applied = await apply_transitions(uow, requests, self.deps.settings.unconfirmed_after)
        await keep_distances(uow, self.deps.versions, requests, applied)
        self._wake_for(applied, uow)

    async def take_waits(self, events: Sequence[DispatchWaiting], uow: UnitOfWork) -> None:
        """Store what the sender says of a release under way, so that it can be shown; no state changes."""
        known = await store.load(uow.db, "id", [event.follow_up_id for event in events])
        waits = [
            (event.follow_up_id, event.reason, event.until, event.detail)
            for event in events
            if (follow_up := known.get(event.follow_up_id)) is not None
            and follow_up.state is FollowUpState.RELEASED
            and follow_up.lifecycle.release == event.release
        ]
        await store.note_waits(uow.db, waits)

    async def take_consents(self, events: Sequence[ConsentChanged], uow: UnitOfWork) -> None:
        """Cancel what the recipient no longer permits; an event older than what is stored changes nothing."""
        barred_of = {event.recipient_id: barred_purposes(event) for event in events}
        withdrawn = [person for person, barred in barred_of.items() if barred]
        open_of = by_recipient((await store.load_open(uow.db, withdrawn)).values())
        people = await runs.people(uow.db, events)
        unwanted: list[FollowUp] = []
        changed: list[StoredRecipient] = []
        for event in events:
            person = people[event.recipient_id]
            if event.epoch < person.consent_epoch:
                continue
            barred, own = barred_of[event.recipient_id], open_of.get(event.recipient_id, ())
            unwanted += [found for found in own if found.state in OPEN and found.purpose in barred]
            changed.append(
                replace(person, consent_epoch=event.epoch, suppressed=event.suppressed, consents=consents_of(event))
            )
        await cancel(uow, unwanted, "opt_out", self.deps.settings.unconfirmed_after)
        await runs.save_people(uow.db, changed)

    async def take_obedience(self, events: Sequence[ControlObeyed], uow: UnitOfWork) -> None:
        """Store from when on the sender obeys controls; it says so once for each partition, and the first counts."""
        await control_store.note_obeyed(uow.db, [(event.control_id, event.occurred_at) for event in events])

    async def take_replies(self, events: Sequence[ReplyReceived], uow: UnitOfWork) -> None:
        """Store who wrote and when, and plan an answer to HELP and STOP, unless the provider answers itself.

        A repeat plans nothing.
        """
        asking = [event for event in events if needs_answer(event)]
        people = await runs.people(uow.db, events)
        written = [after for event in events if (after := after_reply(people[event.recipient_id], event, uow.now))]
        await runs.save_people(uow.db, written)
        answers = []
        for event in asking:
            merchant = self.deps.runtime.merchants.get(event.merchant_id)
            if merchant is None:
                uow.set_aside(event, NO_MERCHANT)
            elif people[event.recipient_id].erased_at is None:
                sealer = self.deps.runtime.sealer
                contact = recipients.contact_of(sealer, merchant.id, event.recipient_id, event.contact)
                answers.append(answer_run(event, merchant, contact, uow.now))
        self._wake_for(await self.deps.planner.start(uow, answers), uow)

    def _wake_for(self, changed: Sequence[FollowUp], uow: UnitOfWork) -> None:
        """Wake the release loop for the earliest timer of these, once it can be read."""
        if timers := [follow_up.timer_at for follow_up in changed if follow_up.timer_at is not None]:
            uow.after_commit(partial(self.deps.waker.wake_at, min(timers)))


def _request_of(event: ReleaseAnswer, follow_up: FollowUp, spread_over: timedelta, now: datetime) -> TransitionRequest:
    """Return the transition that an answer asks for."""
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
            kind = TransitionKind.TOO_LATE if event.reason == _MESSAGE_EXPIRED else TransitionKind.BLOCKED
            return TransitionRequest(follow_up, Transition(kind, event.reason, event.release))
        case DispatchAccepted():
            transition = Transition(TransitionKind.ACCEPTED, "accepted", event.release, _attempt(event))
            return TransitionRequest(follow_up, transition, accepted_at=event.occurred_at)
        case DispatchDelivered():
            transition = Transition(TransitionKind.DELIVERED, "delivered", event.release, _attempt(event))
            return TransitionRequest(follow_up, transition, accepted_at=event.accepted_at or event.occurred_at)
        case DispatchUnknown():
            transition = Transition(TransitionKind.UNKNOWN, event.reason, event.release, _attempt(event))
            return TransitionRequest(follow_up, transition)
        case DispatchFailed():
            kind = TransitionKind.UNDELIVERED if event.accepted else TransitionKind.REFUSED
            if event.retry_at is not None:
                kind = TransitionKind.RETRIED
            transition = Transition(kind, event.reason, event.release, _attempt(event), was_accepted=event.accepted)
            return TransitionRequest(follow_up, transition, event.retry_at)


def _attempt(event: DispatchAccepted | DispatchDelivered | DispatchFailed | DispatchUnknown) -> str | None:
    return None if event.attempt_id is None else event.attempt_id.hex


def barred_purposes(event: ConsentChanged) -> frozenset[Purpose]:
    """Return the purposes that the ledger forbids now; answers to HELP and STOP are never forbidden."""
    if event.suppressed is not None:
        return frozenset(Purpose) - ANSWER_PURPOSES
    standings = {
        Purpose.MARKETING: event.marketing,
        Purpose.INFORMATIONAL: event.informational,
        Purpose.CONVERSATION: event.informational,
    }
    return frozenset(purpose for purpose, standing in standings.items() if standing.status == "revoked")
