"""The event entry point of metrics: each event is stored once, and the sums it changes in the same unit of work."""

from collections import Counter
from collections.abc import Sequence

from services.metrics import instruments, store
from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.projection import project
from services.metrics.domain.rollups import RollupKey, add_up, needs_recount, rollup_delta
from services.metrics.settings import MetricsSettings
from shared import rights
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.envelope import Event
from shared.events.registry import registry
from shared.ids import FollowUpId


def create_router(settings: MetricsSettings, privacy: rights.PrivacyHandlers) -> Router:
    """Return the handlers: every event type is recorded, and privacy rights are carried out."""
    router = Router()

    @router.whole(*registry().values())
    async def record(events: Sequence[Event], uow: UnitOfWork) -> None:
        """Store new facts and add them up; a repeated fact changes nothing (promise P7)."""
        new_facts = await store.record_facts(uow.db, events, uow.now)
        await store.record_orders(uow.db, new_facts)
        await _add_up(new_facts, uow)
        _observe(new_facts, len(events) - len(new_facts), uow, settings.late_after_seconds)

    privacy.register(router)
    return router


async def _add_up(new_facts: Sequence[Event], uow: UnitOfWork) -> None:
    """Bring projections and sums up to date with new facts."""
    about: dict[FollowUpId, list[Event]] = {}
    about_none = []
    for event in new_facts:
        if (follow_up_id := follow_up_of(event)) is None:
            about_none.append(event)
        else:
            about.setdefault(follow_up_id, []).append(event)
    before = await store.load_projections(uow.db, about)

    after = {key: projection for key, facts in about.items() if (projection := project(facts, before.get(key)))}
    recounted = [key for key, projection in after.items() if needs_recount(before.get(key), projection)]
    earlier = await _earlier_facts(uow, recounted, new_facts)
    delta: Counter[RollupKey] = add_up(about_none, None)
    for key, projection in after.items():
        delta.update(rollup_delta(before.get(key), projection, about[key], earlier.get(key, ())))

    changed = [projection for key, projection in after.items() if projection != before.get(key)]
    await store.save_projections(uow.db, changed)
    await store.add_to_rollups(uow.db, delta)
    instruments.RETOLD.inc(len(recounted))


async def _earlier_facts(
    uow: UnitOfWork, ids: Sequence[FollowUpId], new_facts: Sequence[Event]
) -> dict[FollowUpId, list[Event]]:
    """Return the facts of these follow-ups that earlier units of work counted."""
    if not ids:
        return {}
    fresh = {event.event_id for event in new_facts}
    stored = await store.facts_of_follow_ups(uow.db, ids)
    return {key: [event for event in facts if event.event_id not in fresh] for key, facts in stored.items()}


def _observe(new_facts: Sequence[Event], repeats: int, uow: UnitOfWork, late_after_seconds: int) -> None:
    instruments.REPEATED.inc(repeats)
    if not new_facts:
        return
    for topic, count in Counter(event.topic for event in new_facts).items():
        instruments.RECORDED.labels(topic).inc(count)
    late = Counter(
        event.topic for event in new_facts if (uow.now - event.occurred_at).total_seconds() > late_after_seconds
    )
    for topic, count in late.items():
        instruments.LATE.labels(topic).inc(count)
    oldest = min(event.occurred_at for event in new_facts)
    instruments.LAG.observe(max(0.0, (uow.now - oldest).total_seconds()))
