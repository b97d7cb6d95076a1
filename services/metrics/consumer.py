"""The event door: each fact is stored once, and what it changes is added up in the same unit of work."""

from collections import Counter
from collections.abc import Sequence

from services.metrics import instruments, store
from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.projection import Projection, joined
from services.metrics.domain.tally import Cell, change, is_told_differently, tally
from services.metrics.settings import MetricsSettings
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.envelope import Event
from shared.events.registry import registry
from shared.ids import FollowUpId


def router_of(settings: MetricsSettings) -> Router:
    """Return the door that takes every event there is."""
    router = Router()

    @router.whole(*registry().values())
    async def record(events: Sequence[Event], uow: UnitOfWork) -> None:
        """Store what is new and add it up; a fact told again changes nothing (promise P7)."""
        news = await store.record_facts(uow.db, events, uow.now)
        await store.record_orders(uow.db, news)
        await _add_up(news, uow)
        _observe(news, len(events) - len(news), uow, settings.late_after_seconds)

    return router


async def _add_up(news: Sequence[Event], uow: UnitOfWork) -> None:
    """Bring standings and sums up to date with new facts."""
    about: dict[FollowUpId, list[Event]] = {}
    about_nobodys_text = []
    for event in news:
        if (follow_up_id := follow_up_of(event)) is None:
            about_nobodys_text.append(event)
        else:
            about.setdefault(follow_up_id, []).append(event)
    known = await store.standings_of(uow.db, about)

    after = {follow_up_id: _joined(known.get(follow_up_id), facts) for follow_up_id, facts in about.items()}
    retold = [each.follow_up_id for each in after.values() if is_told_differently(known.get(each.follow_up_id), each)]
    told = await _told_before(uow, retold, news)
    delta: Counter[Cell] = tally(about_nobodys_text, None)
    for follow_up_id, standing in after.items():
        delta.update(change(known.get(follow_up_id), standing, about[follow_up_id], told.get(follow_up_id, ())))

    await store.save_standings(uow.db, [each for key, each in after.items() if each != known.get(key)])
    await store.add_to_rollups(uow.db, delta)
    instruments.RETOLD.inc(len(retold))


def _joined(standing: Projection | None, news: Sequence[Event]) -> Projection:
    """Return the standing with all the news."""
    first, *rest = news
    result = joined(standing, first)
    for event in rest:
        result = joined(result, event)
    return result


async def _told_before(
    uow: UnitOfWork, ids: Sequence[FollowUpId], news: Sequence[Event]
) -> dict[FollowUpId, list[Event]]:
    """Return the facts of these follow-ups that were counted in earlier units."""
    if not ids:
        return {}
    fresh = {event.event_id for event in news}
    stored = await store.facts_of(uow.db, ids)
    return {key: [event for event in facts if event.event_id not in fresh] for key, facts in stored.items()}


def _observe(news: Sequence[Event], repeats: int, uow: UnitOfWork, late_after_seconds: int) -> None:
    """Count what came, what came again and what came late."""
    instruments.REPEATED.inc(repeats)
    if not news:
        return
    for topic, count in Counter(event.topic for event in news).items():
        instruments.RECORDED.labels(topic).inc(count)
    late = Counter(event.topic for event in news if (uow.now - event.occurred_at).total_seconds() > late_after_seconds)
    for topic, count in late.items():
        instruments.LATE.labels(topic).inc(count)
    oldest = min(event.occurred_at for event in news)
    instruments.LAG.observe(max(0.0, (uow.now - oldest).total_seconds()))
