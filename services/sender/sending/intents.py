"""The intent transaction: the point of no return, many texts to one commit (send-protocol, section 1, step 3)."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.sender import store
from services.sender.engagement.links.store import add_links
from services.sender.providers.book import Route
from services.sender.queue import announcements
from services.sender.queue.dispatches import Dispatch, priority_of
from services.sender.queue.states import AttemptState, DispatchState
from services.sender.reconciliation.findings import text_mark
from services.sender.sending.composition import Composed
from services.sender.sending.intent_decision import (
    DispatchCandidate,
    Go,
    IntentDecision,
    IntentRecipient,
    Lapse,
    Refuse,
    SendCircumstances,
    Skip,
    StayQueued,
    Underway,
    decide,
)
from services.sender.tables import attempts, closed_merchants, in_flight, recipients
from shared.bus.read_progress import Unread
from shared.clock import Clock
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Purpose
from shared.ids import AttemptId, RecipientId

CALL_SECONDS: Final = 12
"""From the commit to the call's latest end: 2 s to start, 10 s to call."""


class Prepared(NamedTuple):
    """A claimed dispatch with everything that was found out outside the transaction."""

    dispatch: Dispatch
    route: Route | None
    composed: Composed | None
    obstacle: Refuse | None
    held_by: str | None = None
    """What keeps its number from calling now."""
    quarantined_since: datetime | None = None
    """Set where a restored backup may have forgotten a call: it is asked after and not made."""


class Going(NamedTuple):
    """A dispatch that may go, and the attempt it becomes."""

    attempt_id: AttemptId
    prepared: Prepared
    deadline: datetime
    text_key: bytes | None
    """The person's; None where there is no row that could keep it."""
    body_sha256: bytes
    """By what a listing knows it; nothing fits a call that may have been forgotten."""

    @property
    def dispatch(self) -> Dispatch:
        """As it was claimed."""
        return self.prepared.dispatch


class Committed(NamedTuple):
    """An intent on disk: exactly one call may follow."""

    attempt_id: AttemptId
    dispatch: Dispatch
    route: Route
    composed: Composed
    monotonic: float
    """Before the commit began, so never later than it."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one intent transaction did."""

    committed: tuple[Committed, ...]
    decisions: tuple[str, ...]


async def commit_intents(
    prepared: Sequence[Prepared],
    clock: Clock,
    made_by: UUID,
    news: Callable[[UnitOfWork], Awaitable[Unread]],
    uow: UnitOfWork,
) -> Group:
    """Check each dispatch once more under its lock, and write the intents of those that may go, signed `made_by`."""
    unheard = await _unheard(prepared, news, uow)
    unchanged = await store.as_claimed(uow.db, [p.dispatch for p in prepared])
    people_ids = [p.dispatch.recipient_id for p in prepared]
    people = await store.find_people(uow.db, people_ids, lock="update")  # not shared: this text becomes their last
    text_keys = _text_keys(people)
    underway = await store.find_underway(uow.db, people_ids)
    merchants = sorted({p.dispatch.merchant_id for p in prepared})
    closed = {row["merchant_id"] for row in await uow.db.fetch(closed_merchants, "merchant_id", merchants)}

    going: list[Going] = []
    changed: list[Dispatch] = []
    decisions: list[str] = []
    for each in sorted(prepared, key=_turn):
        dispatch = each.dispatch
        others = underway.get(dispatch.recipient_id, [])
        person = store.person_of(people.get(dispatch.recipient_id))
        key = text_keys.get(dispatch.recipient_id)
        mark = text_mark(key, each.composed.body_sha256) if each.composed else b""
        decision: IntentDecision = Skip()
        if dispatch.follow_up_id in unchanged:
            is_closed = dispatch.merchant_id in closed
            is_unheard = dispatch.recipient_id in unheard
            decision = _judge(each, person, others, mark, uow.now, is_closed=is_closed, is_unheard=is_unheard)
        decisions.append(type(decision).__name__.lower())
        if isinstance(decision, Go):
            attempt_id, known_by = dispatch.attempt_id(dispatch.attempts + 1), b"" if each.quarantined_since else mark
            going.append(Going(attempt_id, each, _deadline(each, uow.now), key, known_by))
            underway[dispatch.recipient_id] = [*others, Underway(attempt_id, AttemptState.INTENT, b"")]
        elif (after := _applied(decision, dispatch, uow)) is not None:
            changed.append(after)
    await store.save_dispatches(uow.db, [(dispatch, None) for dispatch in changed], uow.now)
    written = await _write(going, people, made_by, uow)
    return Group(tuple(_committed(written, clock)), tuple(decisions))


def _text_keys(people: Mapping[Any, Mapping[str, Any]]) -> Mapping[Any, bytes]:
    """Return each person's key; who was known before there were any, or came back, gets one with this text."""
    return {person: bytes(row["text_key"] or store.new_text_key()) for person, row in people.items()}


async def _unheard(
    prepared: Sequence[Prepared], news: Callable[[UnitOfWork], Awaitable[Unread]], uow: UnitOfWork
) -> set[RecipientId]:
    """Return the people of these marketing texts about whom something may be unread."""
    people = {each.dispatch.recipient_id for each in prepared if each.dispatch.purpose is Purpose.MARKETING}
    if not people:
        return set()
    known = await news(uow)
    return {person for person in people if known.why_waits(person) is not None}


def _turn(prepared: Prepared) -> tuple[int, datetime, UUID]:
    """Return when its turn is: of two texts to one person one goes now, the one that was planned first."""
    dispatch = prepared.dispatch
    return priority_of(dispatch.purpose), dispatch.first_due_at, dispatch.follow_up_id


def _judge(
    each: Prepared,
    person: IntentRecipient,
    others: Sequence[Underway],
    mark: bytes,
    now: datetime,
    *,
    is_closed: bool,
    is_unheard: bool,
) -> IntentDecision:
    """Put what was loaded before the decision; a number that cannot send lets its texts lapse, and no more."""
    composed, dispatch = each.composed, each.dispatch
    decision = decide(
        DispatchCandidate(
            dispatch.state, dispatch.purpose, dispatch.valid_until, dispatch.window_closes_at, dispatch.expires_at
        ),
        person,
        SendCircumstances(
            body_sha256=mark,
            unkeyed_sha256=composed.body_sha256 if composed else None,
            underway=others,
            merchant_closed=is_closed,
            news_unread=is_unheard,
            content_gone=each.obstacle is not None and each.obstacle.reason == "erased",
            obstacle=each.obstacle,
            provider_has_validity=each.route is None or each.route.provider.capabilities.validity_period,
            held_by=each.held_by,
        ),
        now,
    )
    if isinstance(decision, Go) and (each.route is None or composed is None):
        return Skip()
    return decision


def _applied(decision: IntentDecision, dispatch: Dispatch, uow: UnitOfWork) -> Dispatch | None:
    """Return the dispatch after a decision against it, and tell the house; None where nothing changes."""
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


async def _write(
    going: Sequence[Going], people: dict[Any, dict[str, Any]], made_by: UUID, uow: UnitOfWork
) -> list[Going]:
    """Write attempts, marks and links; the database refuses a second live attempt, and that one does not go."""
    rows = [{**_attempt_row(each, people, uow), "made_by": made_by} for each in going]
    is_new = await uow.db.insert_new(attempts, rows)
    written = [each for each, new in zip(going, is_new, strict=True) if new]
    refused = [each.dispatch for each, new in zip(going, is_new, strict=True) if not new]
    await uow.db.insert_new(in_flight, [_in_flight_row(each) for each in written])
    await store.save_dispatches(
        uow.db,
        [
            *((_with_intent(each), None) for each in written),
            *((dispatch._replace(state=DispatchState.UNKNOWN, reason="another_attempt"), None) for dispatch in refused),
        ],
        uow.now,
    )
    await uow.db.change(
        recipients,
        [
            {
                "recipient_id": each.dispatch.recipient_id,
                "last_follow_up_id": each.dispatch.follow_up_id,
                "last_sender_number": each.dispatch.sender_number,
                "last_intent_at": uow.now,
                "text_key": each.text_key,
            }
            for each in sorted(written, key=lambda each: each.dispatch.recipient_id)
        ],
    )
    links = [row for each in written if each.prepared.composed for row in each.prepared.composed.link_rows]
    await add_links(uow, links)
    return written


def _committed(written: Sequence[Going], clock: Clock) -> Iterator[Committed]:
    """Yield those whose call follows: all but the ones that may have been called before a restore."""
    for each in written:
        prepared = each.prepared
        if prepared.route is not None and prepared.composed is not None and prepared.quarantined_since is None:
            yield Committed(each.attempt_id, each.dispatch, prepared.route, prepared.composed, clock.monotonic())


def _with_intent(each: Going) -> Dispatch:
    dispatch, route = each.dispatch, each.prepared.route
    provider = route.provider.name if route else None
    return dispatch._replace(state=DispatchState.INTENT, attempts=dispatch.attempts + 1, provider=provider)


def _attempt_row(each: Going, people: dict[Any, dict[str, Any]], uow: UnitOfWork) -> dict[str, Any]:
    dispatch, composed, route = each.dispatch, each.prepared.composed, each.prepared.route
    if composed is None or route is None:
        raise RuntimeError("an intent needs a text and a provider")
    person = people.get(dispatch.recipient_id)
    return {
        "id": each.attempt_id,
        "follow_up_id": dispatch.follow_up_id,
        "merchant_id": dispatch.merchant_id,
        "recipient_id": dispatch.recipient_id,
        "n": dispatch.attempts + 1,
        "release": dispatch.release,
        "provider": route.provider.name,
        "sender_number": dispatch.sender_number,
        "body_sha256": each.body_sha256,
        "parts": composed.parts,
        "encoding": composed.encoding,
        "state": AttemptState.INTENT,
        "intent_at": each.prepared.quarantined_since or uow.now,
        "deadline": each.deadline,
        "after_follow_up_id": person["last_follow_up_id"] if person else None,
    }


def _in_flight_row(each: Going) -> dict[str, Any]:
    return {
        "attempt_id": each.attempt_id,
        "recipient_id": each.dispatch.recipient_id,
        "follow_up_id": each.dispatch.follow_up_id,
        "body_sha256": each.body_sha256,
        "state": AttemptState.INTENT,
        "deadline": each.deadline,
        "look_at": each.deadline,
    }


def _deadline(each: Prepared, now: datetime) -> datetime:
    return now if each.quarantined_since else now + timedelta(seconds=CALL_SECONDS)
