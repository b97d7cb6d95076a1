"""The whole story of one follow-up: what caused it, what became of it, and what its person allows."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.metrics import store
from services.metrics.answers import JourneyAnswer, StepAnswer
from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.progress_sentence import lead, progress_at
from services.metrics.domain.projection import Projection
from services.metrics.domain.story import Chapter, told
from services.metrics.settings import MetricsSettings
from shared.db.transaction import Transaction
from shared.events.envelope import Event
from shared.http.progress import ProgressAnswer
from shared.ids import FollowUpId, MerchantId

_ABOUT_A_PERSON = ("consent.changed", "recipient.erased")
_NEARLY_AT_ONCE = timedelta(minutes=10)
"""Consent that changed this long after the last fact of a text still belongs to its story."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One follow-up: where it stands, and its chapters, oldest first."""

    standing: Projection
    chapters: list[Chapter]


async def journey_of(
    db: Transaction, merchant: MerchantId, follow_up_id: FollowUpId, clock: ZoneInfo
) -> Journey | None:
    """Return a follow-up's story; None where this merchant has no such follow-up."""
    standing = (await store.standings_of(db, [follow_up_id])).get(follow_up_id)
    if standing is None or standing.merchant_id != merchant:
        return None
    own = [store.event_of(row) for row in await store.story_of(db, follow_up_id)]
    causes = await store.facts_by_id(db, [standing.trigger_id] if standing.trigger_id else [])
    person = await store.facts_about(db, standing.recipient_id, _ABOUT_A_PERSON)
    end = max(event.occurred_at for event in own) + _NEARLY_AT_ONCE
    around: list[Event] = [store.event_of(row) for row in (*causes, *person)]
    kept = [event for event in around if event.merchant_id == merchant and event.occurred_at <= end]
    return Journey(standing, told([*own, *kept], clock))


def shown(journey: Journey, now: datetime, settings: MetricsSettings, clock: ZoneInfo) -> JourneyAnswer:
    """Return a story as `GET /v1/journeys/{id}` answers it."""
    standing = journey.standing
    state = standing.state_at(now, settings.unconfirmed_after)
    progress = progress_at(standing, state, now)
    return JourneyAnswer(
        follow_up_id=standing.follow_up_id,
        state=state,
        reason=standing.reason or None,
        progress=ProgressAnswer(**asdict(progress)),
        explanation=lead(standing, state, progress, clock),
        flow=standing.flow or None,
        step=standing.step or None,
        purpose=standing.purpose or None,
        planned_at=standing.planned_at,
        due_at=standing.due_at,
        events=[_step(chapter) for chapter in journey.chapters],
    )


def _step(chapter: Chapter) -> StepAnswer:
    return StepAnswer(
        at=chapter.event.occurred_at,
        type=chapter.event.type,
        service=chapter.service,
        title=chapter.title,
        summary=chapter.summary,
        verdict=chapter.verdict,
        reason=chapter.reason,
        rule=chapter.rule,
        is_about_person=follow_up_of(chapter.event) is None,
        event_id=chapter.event.event_id,
        correlation_id=chapter.event.correlation_id,
    )
