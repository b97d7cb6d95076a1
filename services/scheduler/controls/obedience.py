"""Keeps due follow-ups that a control pauses, and ends those that one stops, a batch at a time."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from services.scheduler import instruments
from services.scheduler import store as follow_up_store
from services.scheduler.controls import store
from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest, apply_transitions
from shared.config.directory import MerchantDirectory
from shared.controls import TEXTS_STOPPED, Control, ControlAction, ControlsInForce, ControlTarget
from shared.db.unit_of_work import UnitOfWork
from shared.ids import FollowUpId
from shared.progress import TEXTS_PAUSED


async def obey_controls(
    uow: UnitOfWork, due: Iterable[FollowUp], merchants: MerchantDirectory, unconfirmed_after: timedelta
) -> set[FollowUpId]:
    """Keep or end the due follow-ups that are under a control, and return their ids.

    A paused one stays pending, with the timer of its expiry alone, until its control ends. What this unit releases
    was under no control: none can be put in force before it commits.

    Args:
        uow: the unit that releases; the timers of `due` have fired, or they were in a queue.
        due: follow-ups whose turn it may be.
        merchants: says which provider a number belongs to.
        unconfirmed_after: as for every transition.
    """
    pending = [follow_up for follow_up in due if follow_up.is_pending]
    if not pending:
        return set()
    people = {follow_up.recipient_id: follow_up.merchant_id for follow_up in pending}
    in_force = await store.in_force(uow.db, people, uow.now)
    if not in_force:
        return set()
    held: list[tuple[UUID, FollowUp]] = []
    ended: list[TransitionRequest] = []
    for follow_up in pending:
        control = in_force.on(target_of(follow_up, merchants))
        if control is not None and control.action is ControlAction.STOP:
            ended.append(_stopped(follow_up))
        elif control is not None:
            held.append((control.id, _paused(follow_up)))
    await store.pause(uow.db, held)
    await follow_up_store.save_waits(uow.db, [follow_up for _, follow_up in held])
    await apply_transitions(uow, ended, unconfirmed_after)
    instruments.PAUSED.inc(len(held))
    return {follow_up.id for _, follow_up in held} | {request.follow_up.id for request in ended}


def target_of(follow_up: FollowUp, merchants: MerchantDirectory) -> ControlTarget:
    """Return what controls are compared with."""
    number = merchants.by_number(follow_up.sender_number)
    return ControlTarget(
        merchant_id=follow_up.merchant_id,
        flow=follow_up.flow,
        step=follow_up.step,
        number=follow_up.sender_number,
        recipient_id=follow_up.recipient_id,
        purpose=follow_up.purpose,
        provider=number[1].provider if number else None,
    )


def is_under(follow_up: FollowUp, control: Control, merchants: MerchantDirectory) -> bool:
    """Return whether a follow-up is among the texts of one control."""
    return ControlsInForce((control,), control.made_at).on(target_of(follow_up, merchants)) is not None


def _paused(follow_up: FollowUp) -> FollowUp:
    return follow_up._replace(
        timer_at=follow_up.expires_at, lifecycle=follow_up.lifecycle._replace(reason=TEXTS_PAUSED)
    )


def _stopped(follow_up: FollowUp) -> TransitionRequest:
    return TransitionRequest(follow_up, Transition(TransitionKind.CANCELLED, TEXTS_STOPPED), timer_is_gone=True)
