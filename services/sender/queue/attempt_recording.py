"""Records what was observed of attempts: the only place, whatever the source."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.sender import recipient_store, store
from services.sender.engagement.attribution.store import record_delivered
from services.sender.instruments import ALARMS
from services.sender.numbers.error_store import count_errors
from services.sender.queue.conclusion import AttemptObservation, Conclusion, conclude
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import LIVE_STATES
from services.sender.replies.send_permission import after_provider_block
from shared import ids
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope, SuppressionCause
from shared.events.dispatch import DispatchDelivered, DispatchWaiting
from shared.ids import AttemptId, EventId, FollowUpId
from shared.progress import UNANSWERED
from shared.telemetry.logs import logger

log = logger(__name__)


class AttemptUpdate(NamedTuple):
    """One observation of an attempt."""

    attempt_id: AttemptId
    follow_up_id: FollowUpId
    observation: AttemptObservation


async def record(updates: Sequence[AttemptUpdate], uow: UnitOfWork) -> list[Conclusion | None]:
    """Apply observations to attempts in the given order, in one unit; return each change, None for an unknown attempt.

    Rows are locked in this order: dispatches, attempts, people; each kind sorted.
    """
    dispatches = await store.find_dispatches(uow.db, [item.follow_up_id for item in updates], lock="update")
    attempts = await store.find_attempts(uow.db, [item.attempt_id for item in updates], lock="update")
    attempts |= await store.find_attempts(uow.db, _latest(dispatches, attempts), lock="update")
    before = dict(attempts)
    touched: dict[object, Attempt] = {}
    changes: list[Conclusion | None] = []
    for item in updates:
        attempt = attempts.get(item.attempt_id)
        if attempt is None:
            changes.append(None)
            continue
        dispatch = dispatches[attempt.follow_up_id]
        change = conclude(
            attempt, dispatch, item.observation, uow.now, another_is_live=_another_is_live(attempt, dispatch, attempts)
        )
        attempts[attempt.id] = change.attempt
        if change.dispatch != dispatch:
            dispatches[attempt.follow_up_id] = change.dispatch
            touched[attempt.follow_up_id] = change.attempt
        for event in change.events:
            uow.publish(event)
            if isinstance(event, DispatchDelivered):
                record_delivered(uow, change.dispatch, event.occurred_at)
        changes.append(change)
    changed = [(before[key], after) for key, after in attempts.items() if after != before[key]]
    await store.save_attempts(uow.db, changed)
    count_errors(uow, changed)
    await store.save_dispatches(uow.db, [(dispatches[key], attempt) for key, attempt in touched.items()], uow.now)
    await store.save_in_flight(uow.db, [(b, a) for b, a in changed if b.state is not a.state], uow.now)
    await _suppress([change for change in changes if change and change.suppress], uow)
    return changes


async def commit(updates: Sequence[AttemptUpdate], units: UnitOfWorkRunner) -> list[Conclusion | None]:
    """Apply observations in a unit of their own, and raise the alarms of what they changed."""
    changes = await units.run(lambda uow: record(updates, uow), WritePriority.OUTCOMES)
    raise_alarms(changes)
    return changes


def raise_alarms(changes: Sequence[Conclusion | None]) -> None:
    """Count and log what an operator must look at; called after the commit, so that nothing is reported twice."""
    for change in changes:
        for event in change.events if change is not None else ():
            if isinstance(event, DispatchWaiting):
                _log_waiting(event)
        if change is not None and change.alarm is not None:
            ALARMS.labels(change.alarm).inc()
            log.error(
                "dispatch_alarm",
                kind=change.alarm,
                follow_up_id=str(change.dispatch.follow_up_id),
                attempt_id=str(change.attempt.id),
                code=change.attempt.code,
            )


def _log_waiting(event: DispatchWaiting) -> None:
    """Log a call that is not concluded: a warning where there is no answer, else information."""
    fields = {
        "follow_up_id": str(event.follow_up_id),
        "attempt_id": str(event.attempt_id),
        "provider": event.provider,
        "reason": event.reason,
        "detail": event.detail,
        "until": event.until.isoformat(),
    }
    if event.reason == UNANSWERED:
        log.warning("call_unanswered", **fields)
    else:
        log.info("call_put_off", **fields)


def _latest(dispatches: Mapping[Any, Dispatch], attempts: Mapping[AttemptId, Attempt]) -> list[AttemptId]:
    """Return the latest attempts of those dispatches of which only earlier ones were loaded."""
    loaded: dict[Any, int] = {}
    for each in attempts.values():
        loaded[each.follow_up_id] = max(each.n, loaded.get(each.follow_up_id, 0))
    return [
        each.attempt_id(each.attempts)
        for key, each in dispatches.items()
        if each.attempts > loaded.get(key, each.attempts)
    ]


def _another_is_live(attempt: Attempt, dispatch: Dispatch, attempts: dict[AttemptId, Attempt]) -> bool:
    """Return whether a later attempt of the same follow-up is under way or was accepted."""
    if attempt.n >= dispatch.attempts:
        return False
    latest = attempts.get(dispatch.attempt_id(dispatch.attempts))
    return latest is not None and latest.state in LIVE_STATES


async def _suppress(changes: Sequence[Conclusion], uow: UnitOfWork) -> None:
    """Stop sending to people whose number the provider refuses for good, and report it to the ledger.

    The report takes the person's next keyword number, like a STOP: only a ledger change that knows it lifts this.
    """
    if not changes:
        return
    people = await recipient_store.lock_recipients(
        uow.db, {each.dispatch.recipient_id: each.dispatch.merchant_id for each in changes}
    )
    for change in changes:
        dispatch, cause = change.dispatch, change.suppress or SuppressionCause.INVALID
        person = people[dispatch.recipient_id]
        permission = after_provider_block(person.permission, cause)
        people[dispatch.recipient_id] = person._replace(permission=permission)
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
                keyword_seq=permission.keyword_seq,
                cause=None if cause is SuppressionCause.OPT_OUT else cause,
            )
        )
    await recipient_store.save_recipients(uow.db, people.values())
