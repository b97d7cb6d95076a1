"""Starts runs: writes enrolments, follow-ups and their timers, a whole batch at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import orjson

from services.scheduler import instruments
from services.scheduler import store as follow_ups
from services.scheduler.lifecycle import announcements
from services.scheduler.lifecycle.follow_up import FollowUp, earliest
from services.scheduler.lifecycle.states import Lifecycle
from services.scheduler.runs import store
from services.scheduler.runs.plan import NewRun, PlannedText, follow_up_id
from shared import aad
from shared.bus.partitioning import partition_of
from shared.db.unit_of_work import UnitOfWork
from shared.ids import EnrollmentId
from shared.privacy import Sealer
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import PRIORITIES


class Planner:
    """Starts runs, each in its recipient's partition."""

    def __init__(self, sealer: Sealer, partitions: int) -> None:
        self._sealer = sealer
        self._partitions = partitions

    async def start(self, uow: UnitOfWork, runs: Sequence[NewRun]) -> list[FollowUp]:
        """Write the runs that did not begin before, announce their follow-ups, and return these."""
        with_ids = [(run, run.enrollment_id) for run in runs]
        is_new = await store.insert_new_runs(uow.db, with_ids)
        begun = [run for run, new in zip(with_ids, is_new, strict=True) if new]
        planned: list[FollowUp] = []
        rows = []
        for run, enrollment in begun:
            partition = partition_of(run.recipient_id, self._partitions)
            facts = orjson.dumps(run.facts)
            for text in run.texts:
                follow_up = _follow_up(run, enrollment, text, partition, uow.now)
                planned.append(follow_up)
                body, sealed = self._sealed(follow_up, text, facts)
                rows.append(store.follow_up_row(follow_up, run, body, sealed, uow.now))
                _announce(uow, follow_up)
        follow_ups.count_pending(uow, ((follow_up, None, follow_up.state) for follow_up in planned))
        for purpose, count in Counter(follow_up.purpose for follow_up in planned).items():
            instruments.PLANNED.labels(purpose).inc(count)
        await store.insert_plans(uow.db, [run for run, _ in begun], rows, uow.now)
        await follow_ups.insert_first_timers(uow.db, planned)
        instruments.ENROLLED.inc(len(begun))
        return planned

    def _sealed(self, follow_up: FollowUp, text: PlannedText, facts: bytes) -> tuple[bytes, bytes]:
        """Return the template and the facts, sealed for this follow-up alone."""
        merchant, seal = follow_up.merchant_id, self._sealer.seal
        body = seal(merchant, aad.text_body(follow_up.id), text.body.encode())
        return body, seal(merchant, aad.text_facts(follow_up.id), facts)


def _announce(uow: UnitOfWork, follow_up: FollowUp) -> None:
    """Add the first state to the history and publish the plan, and the end of a follow-up that has ended already."""
    uow.publish(announcements.planned(follow_up, uow.now))
    follow_ups.add_history(uow, follow_up, "planned")
    state, reason = follow_up.state, follow_up.lifecycle.reason
    if state is not FollowUpState.PENDING:
        uow.publish(announcements.ended(follow_up, state, reason or "", uow.now))
        instruments.ENDED.labels(state, instruments.reason_class(reason)).inc()


def _follow_up(run: NewRun, enrollment: EnrollmentId, text: PlannedText, partition: int, now: datetime) -> FollowUp:
    """Return one follow-up of a run."""
    state, reason = text.ends_as or (FollowUpState.PENDING, None)
    return FollowUp(
        id=follow_up_id(enrollment, text.step, run.began_at),
        partition=partition,
        merchant_id=run.merchant.id,
        recipient_id=run.recipient_id,
        enrollment_id=enrollment,
        flow=run.version.flow,
        flow_version=run.version.version,
        step=text.step,
        purpose=text.purpose,
        lifecycle=Lifecycle(state=state, reason=reason),
        first_due_at=text.due_at,
        due_at=text.due_at,
        time_zone=run.zone.key,
        expires_at=text.expires_at,
        timer_at=earliest(text.due_at, text.expires_at) if state is FollowUpState.PENDING else None,
        accepted_at=None,
        sender_number=run.sender_number,
        priority=PRIORITIES[text.purpose],
        policy=text.policy,
        subject=run.subject,
        locale=text.locale,
        trigger_id=run.trigger_id,
        consent_reports=run.consent_reports,
        inbound_at=run.inbound_at,
        correlation_id=run.correlation_id,
        asked_by=run.asked_by,
        changes=1,
        created_at=now,
    )
