"""The story of one follow-up: its cause, its events, and the consent of its person."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.metrics import store
from services.metrics.api_models import JourneyAnswer, StepAnswer
from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.journey_steps import JourneyStep, journey_steps
from services.metrics.domain.progress_summary import label, progress_at, summarize
from services.metrics.domain.projection import Projection
from services.metrics.domain.state_words import tone_at
from services.metrics.settings import MetricsSettings
from shared.db.transaction import Transaction
from shared.http.progress import ProgressAnswer
from shared.ids import FollowUpId, MerchantId

_ABOUT_A_PERSON = ("consent.changed", "recipient.erased")
_CONSENT_AFTER = timedelta(minutes=10)
"""Consent that changes within this time after a follow-up's last fact still belongs to its story."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One follow-up: its projection, and its steps, oldest first."""

    projection: Projection
    steps: list[JourneyStep]


async def load_journey(
    db: Transaction, merchant: MerchantId, follow_up_id: FollowUpId, clock: ZoneInfo
) -> Journey | None:
    """Return a follow-up's story; None if this merchant has no such follow-up."""
    projection = (await store.load_projections(db, [follow_up_id])).get(follow_up_id)
    if projection is None or projection.merchant_id != merchant:
        return None
    own = await store.facts_of_story(db, follow_up_id)
    causes = await store.facts_by_id(db, [projection.trigger_id] if projection.trigger_id else [])
    person = await store.facts_about(db, projection.recipient_id, _ABOUT_A_PERSON)
    end = max(event.occurred_at for event in own) + _CONSENT_AFTER
    kept = [event for event in (*causes, *person) if event.merchant_id == merchant and event.occurred_at <= end]
    return Journey(projection, journey_steps([*own, *kept], clock))


def journey_answer(journey: Journey, now: datetime, settings: MetricsSettings, clock: ZoneInfo) -> JourneyAnswer:
    """Return a story as the answer of `GET /v1/journeys/{id}`."""
    projection = journey.projection
    state = projection.state_at(now, settings.unconfirmed_after)
    progress = progress_at(projection, state, now)
    return JourneyAnswer(
        follow_up_id=projection.follow_up_id,
        state=state,
        reason=projection.reason or None,
        label=label(state, progress),
        tone=tone_at(state, progress),
        progress=ProgressAnswer(**asdict(progress)),
        explanation=summarize(projection, state, progress, clock),
        recipient_id=projection.recipient_id,
        flow=projection.flow or None,
        flow_version=projection.flow_version or None,
        step=projection.step or None,
        purpose=projection.purpose or None,
        segment=projection.segment or None,
        provider=projection.provider or None,
        sender_number=projection.sender_number or None,
        planned_at=projection.planned_at,
        due_at=projection.due_at,
        events=[_step(step) for step in journey.steps],
    )


def _step(step: JourneyStep) -> StepAnswer:
    return StepAnswer(
        at=step.event.occurred_at,
        type=step.event.type,
        service=step.service,
        title=step.title,
        summary=step.summary,
        tone=step.tone,
        verdict=step.verdict,
        reason=step.reason,
        rule=step.rule,
        is_about_person=follow_up_of(step.event) is None,
        event_id=step.event.event_id,
        correlation_id=step.event.correlation_id,
    )
