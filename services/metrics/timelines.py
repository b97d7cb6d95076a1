"""What happened to one person in one shop, whatever flow it belongs to: events, texts, replies, clicks, orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from services.metrics import store
from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.journey_steps import JourneyStep, Tone, journey_steps
from services.metrics.domain.projection import Projection
from shared.db.transaction import Transaction
from shared.ids import MerchantId, RecipientId

MOST_STEPS: Final = 100
_MOST_TEXTS: Final = 50
"""The newest texts whose facts are read; a text has five or six that are shown."""
_ABOUT_A_PERSON: Final = ("trigger.received", "consent.changed", "privacy.requested", "recipient.erased")
_SHOWN: Final = frozenset(
    {
        *_ABOUT_A_PERSON,
        "dispatch.accepted",
        "dispatch.delivered",
        "dispatch.failed",
        "dispatch.unknown",
        "follow-up.blocked",
        "follow-up.cancelled",
        "follow-up.expired",
        "reply.received",
        "reply.reviewed",
        "click.recorded",
        "conversion.attributed",
        "conversion.adjusted",
    }
)
"""What somebody did or got; how a text came to be sent stands in its own story."""


class TimelineStepAnswer(BaseModel):
    """Something that happened to a person."""

    at: datetime
    type: str
    title: str
    summary: str
    tone: Tone
    follow_up_id: UUID | None = Field(description="The text that it is about, if it is about one.")
    flow: str | None
    step: str | None
    event_id: UUID


class TimelineAnswer(BaseModel):
    """The newest 100 things that happened to a person, the newest first."""

    recipient_id: UUID
    steps: list[TimelineStepAnswer] = Field(max_length=MOST_STEPS)


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """A step, and the text that it is about."""

    step: JourneyStep
    projection: Projection | None


async def load_timeline(
    db: Transaction, merchant: MerchantId, recipient: RecipientId, clock: ZoneInfo
) -> Sequence[TimelineStep]:
    """Return what happened to a person, the newest first; nothing where this merchant knows nobody of this id."""
    texts = await store.newest_of_person(db, recipient, _MOST_TEXTS)
    of_texts = await store.newest_facts_of(db, texts, _SHOWN, MOST_STEPS)
    own = await store.facts_about(db, recipient, _ABOUT_A_PERSON, MOST_STEPS)
    shown = [event for event in (*own, *of_texts) if event.merchant_id == merchant]
    projections = await store.load_projections(db, texts)
    newest = journey_steps(shown, clock)[: -MOST_STEPS - 1 : -1]
    keys = [follow_up_of(step.event) for step in newest]
    return [TimelineStep(step, projections.get(key) if key else None) for step, key in zip(newest, keys, strict=True)]


def timeline_answer(recipient: RecipientId, steps: Sequence[TimelineStep]) -> TimelineAnswer:
    """Return a timeline as the API shows it."""
    return TimelineAnswer(recipient_id=recipient, steps=[_answer(each) for each in steps])


def _answer(found: TimelineStep) -> TimelineStepAnswer:
    step, projection = found.step, found.projection
    return TimelineStepAnswer(
        at=step.event.occurred_at,
        type=step.event.type,
        title=step.title,
        summary=step.summary,
        tone=step.tone,
        follow_up_id=projection.follow_up_id if projection else None,
        flow=(projection.flow or None) if projection else None,
        step=(projection.step or None) if projection else None,
        event_id=step.event.event_id,
    )
