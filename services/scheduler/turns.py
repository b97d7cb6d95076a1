"""Puts off the texts that must wait for an earlier one of their run, a batch at a time."""

from collections import defaultdict
from collections.abc import Collection

from services.scheduler.domain.enrolment import ANSWER_FLOW, API_FLOW
from services.scheduler.domain.states import State
from services.scheduler.domain.turns import Sibling, waits_until
from services.scheduler.settling import earliest
from services.scheduler.store import FollowUp, timer
from services.scheduler.tables import follow_ups, timers
from shared.db.unit_of_work import UnitOfWork
from shared.ids import EnrollmentId, FollowUpId

_ALONE = {API_FLOW, ANSWER_FLOW}
"""Flows whose runs have one text each."""
_COLUMNS = ("enrollment_id", "state", "first_due_at", "due_at")


async def wait_for_turns(uow: UnitOfWork, due: Collection[FollowUp]) -> set[FollowUpId]:
    """Give each text that must wait a new timer, and return them; their own fired already.

    The state does not change, so nothing is announced: the text is pending, and late by its run's own doing.
    """
    runs = await _runs(uow, due)
    waiting = [
        (text, earliest(until, text.expires_at))
        for text in due
        if (until := waits_until(text.first_due_at, text.due_at, runs[text.enrollment_id], uow.now)) is not None
    ]
    await uow.db.change(follow_ups, [{"id": text.id, "timer_at": at} for text, at in waiting])
    await uow.db.insert_new(timers, [timer(text, at, "due") for text, at in waiting])
    return {text.id for text, _ in waiting}


async def _runs(uow: UnitOfWork, due: Collection[FollowUp]) -> dict[EnrollmentId, list[Sibling]]:
    """Return all texts of the runs these belong to."""
    people = [*{text.recipient_id for text in due if text.flow not in _ALONE}]
    rows = await uow.db.fetch(follow_ups, "recipient_id", people, columns=_COLUMNS)
    runs: dict[EnrollmentId, list[Sibling]] = defaultdict(list)
    for row in rows:
        runs[row["enrollment_id"]].append(Sibling(State(row["state"]), row["first_due_at"], row["due_at"]))
    return runs
