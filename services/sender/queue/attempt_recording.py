"""Writing down what became of attempts: the one place, whoever brought the news."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.sender import store
from services.sender.engagement.attribution.store import DeliveredText, record_delivered
from services.sender.instruments import ALARMS
from services.sender.queue.conclusion import AttemptNews, Conclusion, conclude
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import LIVE_STATES, AttemptState, is_concluded
from services.sender.reconciliation.findings import FIRST_LOOK
from services.sender.tables import in_flight, recipients
from shared import ids
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope, SuppressionCause
from shared.events.dispatch import DispatchDelivered, DispatchWaiting
from shared.ids import AttemptId, EventId, FollowUpId
from shared.progress import UNANSWERED
from shared.telemetry.logs import logger

log = logger(__name__)


class Item(NamedTuple):
    """AttemptNews of one attempt."""

    attempt_id: AttemptId
    follow_up_id: FollowUpId
    news: AttemptNews


async def record(items: Sequence[Item], uow: UnitOfWork) -> list[Conclusion | None]:
    """Apply news to attempts in the given order, in one unit; return each change, None for unknown attempts.

    Rows are locked dispatches first, then attempts, then people, each sorted.
    """
    dispatches = await store.find_dispatches(uow.db, [item.follow_up_id for item in items], lock="update")
    attempts = await store.find_attempts(uow.db, [item.attempt_id for item in items], lock="update")
    attempts |= await store.find_attempts(uow.db, _latest(dispatches, attempts), lock="update")
    before = dict(attempts)
    touched: dict[object, Attempt] = {}
    changes: list[Conclusion | None] = []
    for item in items:
        attempt = attempts.get(item.attempt_id)
        if attempt is None:
            changes.append(None)
            continue
        dispatch = dispatches[attempt.follow_up_id]
        change = conclude(
            attempt, dispatch, item.news, uow.now, another_is_live=_another_is_live(attempt, dispatch, attempts)
        )
        attempts[attempt.id] = change.attempt
        if change.dispatch != dispatch:
            dispatches[attempt.follow_up_id] = change.dispatch
            touched[attempt.follow_up_id] = change.attempt
        for event in change.events:
            uow.publish(event)
            if isinstance(event, DispatchDelivered):
                record_delivered(uow, [_delivery(change.dispatch, event.occurred_at)])
        changes.append(change)
    changed = [(before[key], after) for key, after in attempts.items() if after != before[key]]
    await store.save_attempts(uow.db, changed)
    await store.save_dispatches(uow.db, [(dispatches[key], attempt) for key, attempt in touched.items()], uow.now)
    await _save_in_flight([(b, a) for b, a in changed if b.state is not a.state], uow)
    await _suppress([change for change in changes if change and change.suppress], uow)
    return changes


def raise_alarms(changes: Sequence[Conclusion | None]) -> None:
    """Count and log what somebody must look at; called after the commit, so that nothing is told twice."""
    for change in changes:
        for event in change.events if change is not None else ():
            if isinstance(event, DispatchWaiting):
                _tell_waiting(event)
        if change is not None and change.alarm is not None:
            ALARMS.labels(change.alarm).inc()
            log.error(
                "dispatch_alarm",
                kind=change.alarm,
                follow_up_id=str(change.dispatch.follow_up_id),
                attempt_id=str(change.attempt.id),
                code=change.attempt.code,
            )


def _tell_waiting(event: DispatchWaiting) -> None:
    """Log a call that is not over: one without an answer is worth a look, the others are the provider's pace."""
    told = {
        "follow_up_id": str(event.follow_up_id),
        "attempt_id": str(event.attempt_id),
        "provider": event.provider,
        "reason": event.reason,
        "detail": event.detail,
        "until": event.until.isoformat(),
    }
    if event.reason == UNANSWERED:
        log.warning("call_unanswered", **told)
    else:
        log.info("call_put_off", **told)


def _delivery(dispatch: Dispatch, at: datetime) -> DeliveredText:
    """Return what attribution remembers of a text that arrived."""
    return DeliveredText(dispatch.follow_up_id, dispatch.recipient_id, dispatch.purpose, at, dispatch.delivered_hours)


def _latest(dispatches: Mapping[Any, Dispatch], attempts: Mapping[AttemptId, Attempt]) -> list[AttemptId]:
    """Return the latest attempts of those dispatches of which only earlier ones are there."""
    there: dict[Any, int] = {}
    for each in attempts.values():
        there[each.follow_up_id] = max(each.n, there.get(each.follow_up_id, 0))
    return [
        each.attempt_id(each.attempts)
        for key, each in dispatches.items()
        if each.attempts > there.get(key, each.attempts)
    ]


def _another_is_live(attempt: Attempt, dispatch: Dispatch, attempts: dict[AttemptId, Attempt]) -> bool:
    """Return whether a later attempt of the same follow-up is under way or was taken."""
    if attempt.n >= dispatch.attempts:
        return False
    latest = attempts.get(dispatch.attempt_id(dispatch.attempts))
    return latest is not None and latest.state in LIVE_STATES


async def _save_in_flight(changed: Sequence[tuple[Attempt, Attempt]], uow: UnitOfWork) -> None:
    """Keep the work list of reaper and reconciler."""
    await uow.db.delete(in_flight, "attempt_id", sorted(after.id for _, after in changed if is_concluded(after.state)))
    await uow.db.change(
        in_flight,
        [
            {"attempt_id": after.id, "state": after.state, "look_at": uow.now + FIRST_LOOK}
            for _, after in changed
            if after.state is AttemptState.UNKNOWN
        ],
    )


async def _suppress(changes: Sequence[Conclusion], uow: UnitOfWork) -> None:
    """Stop writing to people whose provider says so, and report it to the ledger.

    The report takes the person's next keyword number, like a STOP: only a standing that knows of it lifts this.
    """
    if not changes:
        return
    people = await store.held_people(uow.db, {c.dispatch.recipient_id: c.dispatch.merchant_id for c in changes})
    for change in changes:
        dispatch, cause = change.dispatch, change.suppress or SuppressionCause.INVALID
        person = people[dispatch.recipient_id]
        person["suppressed"] = person["suppressed"] or cause
        person["keyword_seq"] += 1
        uow.publish(
            ConsentReported(
                event_id=EventId(
                    ids.derived("consent.reported", change.attempt.id, cause, at=change.attempt.intent_at)
                ),
                merchant_id=dispatch.merchant_id,
                recipient_id=dispatch.recipient_id,
                occurred_at=uow.now,
                correlation_id=dispatch.correlation_id,
                scope=ConsentScope.ALL,
                act=ConsentAct.REVOKED,
                captured_at=uow.now,
                method="platform",
                source=f"provider:{change.attempt.provider}",
                keyword_seq=person["keyword_seq"],
                cause=None if cause is SuppressionCause.OPT_OUT else cause,
            )
        )
    await uow.db.upsert(recipients, [people[key] for key in sorted(people)])
