"""The intent transaction: the point of no return, many texts to one commit (send-protocol, section 1, step 3)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from services.sender import recipient_store, store
from services.sender.controls import store as control_store
from services.sender.engagement.links.store import add_links
from services.sender.providers.accounts import Route
from services.sender.queue import announcements
from services.sender.queue.dispatches import Attempt, Dispatch, NewAttempt, priority_of
from services.sender.queue.states import AttemptState, DispatchState
from services.sender.recipient_store import SenderRecipient, new_text_key
from services.sender.reconciliation.decision import keyed_body_hash
from services.sender.replies.send_permission import SendPermission
from services.sender.sending.composition import ComposedText
from services.sender.sending.intent_decision import (
    Go,
    IntentDecision,
    Lapse,
    OpenAttempt,
    Refuse,
    SendCircumstances,
    Skip,
    StayQueued,
    decide,
)
from shared.bus.read_progress import UnreadEvents
from shared.clock import Clock
from shared.controls import Control, ControlTarget
from shared.db.unit_of_work import UnitOfWork
from shared.ids import RecipientId
from shared.vocabulary.purposes import NEWS_BOUND_PURPOSES

CALL_SECONDS: Final = 12
"""From the commit to the call's latest end: 2 s to start, 10 s to call."""
_UNKNOWN_PERSON: Final = SendPermission()


class PreparedDispatch(NamedTuple):
    """A claimed dispatch with everything that was prepared outside the transaction."""

    dispatch: Dispatch
    route: Route | None
    composed: ComposedText | None
    obstacle: Refuse | None
    hold_reason: str | None = None
    """What keeps its number from calling now."""
    quarantined_since: datetime | None = None
    """Set where a restored backup may have lost a call: the provider is asked about it, and it is not made."""


class Intent(NamedTuple):
    """A dispatch that may be sent, and the attempt it becomes; once that is on disk, exactly one call may follow."""

    attempt: Attempt
    """Its hash finds the text in a listing; it is empty for a call that a restored backup may have lost."""
    dispatch: Dispatch
    """As it was claimed."""
    route: Route
    composed: ComposedText
    text_key: bytes | None
    """The person's; None where there is no row that could store it."""
    started_at: float = 0.0
    """On the monotonic clock, before the commit began."""


@dataclass(frozen=True, slots=True)
class IntentGroup:
    """What one intent transaction did."""

    committed: tuple[Intent, ...]
    """Those whose call follows: all but those that may have been called before a restore."""
    decisions: tuple[str, ...]


async def commit_intents(
    prepared: Sequence[PreparedDispatch],
    clock: Clock,
    made_by: UUID,
    unread: Callable[[UnitOfWork], Awaitable[UnreadEvents]],
    uow: UnitOfWork,
) -> IntentGroup:
    """Check each of one number's dispatches once more under its lock, and write the intents of those that may be sent.

    `made_by` is the process run that makes the calls; `unread` returns about whom events are unread, as of the unit's
    transaction.
    """
    with_unread_events = await _with_unread_events(prepared, unread, uow)
    unchanged = await store.lock_unchanged(uow.db, [each.dispatch for each in prepared])
    people_ids = [each.dispatch.recipient_id for each in prepared]
    # Locked and not shared: this text becomes their last one.
    people = await recipient_store.find_recipients(uow.db, people_ids, lock="update")
    text_keys = {key: person.text_key or new_text_key() for key, person in people.items()}
    open_attempts = await store.find_open_attempts(uow.db, people_ids)
    merchants = {each.dispatch.merchant_id for each in prepared}
    closed = await store.closed_among(uow.db, merchants)
    merchant_of = {each.dispatch.recipient_id: each.dispatch.merchant_id for each in prepared}
    in_force = await control_store.in_force(uow.db, merchant_of, uow.now)

    planned: list[Intent] = []
    changed: list[Dispatch] = []
    decisions: list[str] = []
    for each in sorted(prepared, key=_send_order):
        dispatch = each.dispatch
        others = open_attempts.get(dispatch.recipient_id, [])
        person = people.get(dispatch.recipient_id)
        key = text_keys.get(dispatch.recipient_id)
        body_hash = keyed_body_hash(key, each.composed.body_sha256) if each.composed else b""
        decision: IntentDecision = Skip()
        if dispatch.follow_up_id in unchanged:
            decision = _decide(
                each,
                person.permission if person else _UNKNOWN_PERSON,
                others,
                body_hash,
                uow.now,
                is_closed=dispatch.merchant_id in closed,
                control=in_force.on(_target_of(each)),
                has_unread_events=dispatch.recipient_id in with_unread_events,
            )
        decisions.append(type(decision).__name__.lower())
        if isinstance(decision, Go) and each.route is not None and each.composed is not None:
            attempt = _attempt(each, each.route, each.composed, person, body_hash, uow.now)
            planned.append(Intent(attempt, dispatch, each.route, each.composed, key))
            open_attempts[dispatch.recipient_id] = [*others, OpenAttempt(attempt.id, AttemptState.INTENT, b"")]
        elif (after := _apply(decision, dispatch, uow)) is not None:
            changed.append(after)
    await store.save_dispatches(uow.db, [(dispatch, None) for dispatch in changed], uow.now)
    written = await _write(planned, made_by, uow)
    called = tuple(each._replace(started_at=clock.monotonic()) for each in written if each.attempt.body_sha256)
    return IntentGroup(called, tuple(decisions))


async def _with_unread_events(
    prepared: Sequence[PreparedDispatch], unread: Callable[[UnitOfWork], Awaitable[UnreadEvents]], uow: UnitOfWork
) -> set[RecipientId]:
    """Return the people of those follow-ups that wait for events, about whom some may be unread."""
    people = {each.dispatch.recipient_id for each in prepared if each.dispatch.purpose in NEWS_BOUND_PURPOSES}
    if not people:
        return set()
    known = await unread(uow)
    return {person for person in people if known.why_waits(person) is not None}


def _send_order(prepared: PreparedDispatch) -> tuple[int, datetime, UUID]:
    """Return the order of dispatches: of two to one person the one that was planned first is sent now."""
    dispatch = prepared.dispatch
    return priority_of(dispatch.purpose), dispatch.first_due_at, dispatch.follow_up_id


def _decide(
    prepared: PreparedDispatch,
    permission: SendPermission,
    others: Sequence[OpenAttempt],
    body_hash: bytes,
    now: datetime,
    *,
    is_closed: bool,
    control: Control | None,
    has_unread_events: bool,
) -> IntentDecision:
    """Return the decision on what was loaded; a number that cannot send may only let its dispatches lapse."""
    composed = prepared.composed
    decision = decide(
        prepared.dispatch,
        permission,
        SendCircumstances(
            body_sha256=body_hash,
            unkeyed_sha256=composed.body_sha256 if composed else None,
            open_attempts=others,
            merchant_closed=is_closed,
            control=control and control.action,
            in_blackout=_in_blackout(prepared, now),
            has_unread_events=has_unread_events,
            obstacle=prepared.obstacle,
            provider_has_validity=prepared.route is None or prepared.route.provider.capabilities.validity_period,
            hold_reason=prepared.hold_reason,
        ),
        now,
    )
    if isinstance(decision, Go) and (prepared.route is None or composed is None):
        return Skip()
    return decision


def _in_blackout(prepared: PreparedDispatch, now: datetime) -> bool:
    """Return whether its shop, as its files are now, sends no such texts today."""
    route = prepared.route
    return route is not None and route.merchant.config.blackout_at(prepared.dispatch.purpose, now) is not None


def _target_of(prepared: PreparedDispatch) -> ControlTarget:
    """Return what controls are compared with."""
    dispatch, route = prepared.dispatch, prepared.route
    return ControlTarget(
        merchant_id=dispatch.merchant_id,
        flow=dispatch.flow,
        step=dispatch.step,
        number=dispatch.sender_number,
        recipient_id=dispatch.recipient_id,
        purpose=dispatch.purpose,
        provider=route.number.provider if route else None,
    )


def _apply(decision: IntentDecision, dispatch: Dispatch, uow: UnitOfWork) -> Dispatch | None:
    """Publish a decision against sending and return the dispatch after it; None where nothing changes."""
    match decision:
        case Lapse(reason):
            uow.publish(announcements.lapsed(dispatch, uow.now, reason))
            return dispatch._replace(state=DispatchState.LAPSED, reason=reason)
        case Refuse(reason, error_class, retry_at):
            uow.publish(
                announcements.failed(
                    None, dispatch, uow.now, accepted=False, reason=reason, error_class=error_class, retry_at=retry_at
                )
            )
            return dispatch._replace(state=DispatchState.FAILED, reason=reason, retry_at=retry_at)
        case StayQueued(until):
            return dispatch._replace(ready_at=until)
        case _:
            return None


async def _write(planned: Sequence[Intent], made_by: UUID, uow: UnitOfWork) -> list[Intent]:
    """Write attempts, last texts and links; the database refuses a second live attempt, which is then not sent."""
    is_new = await store.insert_attempts(uow.db, [_new_attempt(each) for each in planned], made_by)
    written = [each for each, new in zip(planned, is_new, strict=True) if new]
    refused = [each.dispatch for each, new in zip(planned, is_new, strict=True) if not new]
    await store.save_dispatches(
        uow.db,
        [
            *((_with_intent(each), None) for each in written),
            *((dispatch._replace(state=DispatchState.UNKNOWN, reason="another_attempt"), None) for dispatch in refused),
        ],
        uow.now,
    )
    sent = [(each.dispatch, each.text_key) for each in written if each.text_key is not None]
    await recipient_store.save_last_texts(uow.db, sent, uow.now)
    await add_links(uow, [row for each in written for row in each.composed.link_rows])
    return written


def _new_attempt(intent: Intent) -> NewAttempt:
    """Return what is stored; of a call that a restored backup may have lost, the text is not known."""
    known = bool(intent.attempt.body_sha256)
    return NewAttempt(intent.attempt, intent.composed.encoding, intent.composed.sealed if known else None)


def _with_intent(intent: Intent) -> Dispatch:
    return intent.dispatch._replace(
        state=DispatchState.INTENT, attempts=intent.attempt.n, provider=intent.attempt.provider
    )


def _attempt(
    prepared: PreparedDispatch,
    route: Route,
    composed: ComposedText,
    person: SenderRecipient | None,
    body_hash: bytes,
    now: datetime,
) -> Attempt:
    dispatch, since = prepared.dispatch, prepared.quarantined_since
    n = dispatch.attempts + 1
    return Attempt(
        id=dispatch.attempt_id(n),
        follow_up_id=dispatch.follow_up_id,
        merchant_id=dispatch.merchant_id,
        recipient_id=dispatch.recipient_id,
        n=n,
        release=dispatch.release,
        provider=route.provider.name,
        sender_number=dispatch.sender_number,
        body_sha256=b"" if since else body_hash,
        parts=composed.parts,
        state=AttemptState.INTENT,
        intent_at=since or now,
        deadline=now if since else now + timedelta(seconds=CALL_SECONDS),
        after_follow_up_id=person.last_follow_up_id if person else None,
    )
