"""The answer of `GET /v1/overview`: what a first page shows, in words and numbers, without a person's number."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.api_models import KPIAnswer, Number, WindowAnswer
from services.metrics.domain.journey_steps import Tone
from services.metrics.domain.kpis import Figure, total
from services.metrics.domain.progress_summary import listed
from services.metrics.domain.projection import Projection
from services.metrics.domain.rollups import Measure
from services.metrics.domain.state_words import STATES
from services.metrics.figure_answers import facts_address, figure_answer, window_answer
from services.metrics.overview import Bar, FeedLine, Overview, OverviewPeriod, ReasonCount
from shared.progress import UNANSWERED
from shared.vocabulary.follow_up_states import FollowUpState


class StateCountAnswer(BaseModel):
    """How many follow-ups are in a state now."""

    state: FollowUpState
    count: int
    words: str


class OverviewFigureAnswer(KPIAnswer):
    """A figure of the period, and the same of the period before it."""

    before: Number | None = Field(description="Its value in the period before; null if the denominator was zero.")
    by_bar: list[int] = Field(description="What its numerator's rows add up to in each bar, in the unit of the rows.")


class BarAnswer(BaseModel):
    """One hour of a day, or one day, on the shop's clock."""

    begins_at: datetime
    delivered: int
    troubled: int = Field(description="Failed or unknown.")
    blocked: int
    before: int = Field(description="How many texts ended in the same place of the period before.")


class ReasonCountAnswer(BaseModel):
    """How often follow-ups were deferred, blocked or failed for one reason."""

    measure: Measure
    reason: str
    words: str
    rule: str | None
    count: int
    rows: str


class FeedLineAnswer(BaseModel):
    """One fact of the live list."""

    event_id: UUID
    at: datetime
    type: str
    title: str
    summary: str
    tone: Tone
    recipient_id: UUID
    follow_up_id: UUID | None
    flow: str | None
    step: str | None


class ListedFollowUpAnswer(BaseModel):
    """A follow-up that somebody should look at."""

    follow_up_id: UUID
    recipient_id: UUID
    state: FollowUpState
    label: str
    tone: Tone
    words: str = Field(description="Why it is here, in one sentence without its full stop.")
    changed_at: datetime
    waits_until: datetime | None
    flow: str | None
    step: str | None


class OverviewAnswer(BaseModel):
    """What is happening now."""

    span: OverviewPeriod
    window: WindowAnswer
    before: WindowAnswer
    states: list[StateCountAnswer] = Field(description="In the order of a follow-up's life.")
    figures: list[OverviewFigureAnswer]
    bars: list[BarAnswer]
    reasons: list[ReasonCountAnswer] = Field(description="The most frequent first.")
    feed: list[FeedLineAnswer] = Field(description="The newest facts, newest first.")
    waiting: list[ListedFollowUpAnswer] = Field(description="Those whose provider call is not concluded.")
    needs_attention: list[ListedFollowUpAnswer] = Field(description="Unknown, blocked or failed, newest first.")


def overview_answer(overview: Overview) -> OverviewAnswer:
    """Return a snapshot as the API answers it."""
    before = {(figure.definition, figure.detail): figure for figure in overview.figures_before}
    return OverviewAnswer(
        span=overview.period,
        window=window_answer(overview.window),
        before=window_answer(overview.window_before),
        states=[
            StateCountAnswer(state=state, count=overview.states.get(state, 0), words=words)
            for state, (_, words) in STATES.items()
            if state is not FollowUpState.UNCONFIRMED  # decided by the clock, so no sum counts it
        ],
        figures=[
            _figure(figure, before.get((figure.definition, figure.detail)), overview) for figure in overview.figures
        ],
        bars=[_bar(bar) for bar in overview.bars],
        reasons=[_reason(reason, overview) for reason in overview.reasons],
        feed=[_feed_line(line) for line in overview.feed],
        waiting=_listed(overview.waiting),
        needs_attention=_listed(overview.needs_attention),
    )


def _figure(figure: Figure, before: Figure | None, overview: Overview) -> OverviewFigureAnswer:
    answer = figure_answer(figure, overview.window)
    by_bar = [total(bar.sums, figure.definition.numerator, figure.detail) for bar in overview.bars]
    return OverviewFigureAnswer(**dict(answer), before=before.value if before else None, by_bar=by_bar)


def _bar(bar: Bar) -> BarAnswer:
    return BarAnswer(
        begins_at=bar.begins_at,
        delivered=bar.delivered,
        troubled=bar.troubled,
        blocked=bar.blocked,
        before=bar.before,
    )


def _reason(reason: ReasonCount, overview: Overview) -> ReasonCountAnswer:
    return ReasonCountAnswer(
        measure=reason.measure,
        reason=reason.code,
        words=reason.words,
        rule=reason.rule,
        count=reason.count,
        rows=facts_address(reason.measure, overview.window, reason.code),
    )


def _feed_line(line: FeedLine) -> FeedLineAnswer:
    event, projection = line.step.event, line.projection
    return FeedLineAnswer(
        event_id=event.event_id,
        at=event.occurred_at,
        type=event.type,
        title=line.step.title,
        summary=line.step.summary,
        tone=line.step.tone,
        recipient_id=event.recipient_id,
        follow_up_id=projection.follow_up_id if projection else None,
        flow=(projection.flow or None) if projection else None,
        step=(projection.step or None) if projection else None,
    )


def _listed(projections: Sequence[Projection]) -> list[ListedFollowUpAnswer]:
    return [_listed_follow_up(projection) for projection in projections]


def _listed_follow_up(projection: Projection) -> ListedFollowUpAnswer:
    is_waiting = projection.waits_until is not None
    waits = "unanswered" if projection.reason == UNANSWERED else "waiting"
    return ListedFollowUpAnswer(
        follow_up_id=projection.follow_up_id,
        recipient_id=projection.recipient_id,
        state=projection.state,
        label=waits if is_waiting else projection.state,
        tone=Tone.WAIT if is_waiting else STATES[projection.state][0],
        words=listed(projection),
        changed_at=projection.changed_at,
        waits_until=projection.waits_until,
        flow=projection.flow or None,
        step=projection.step or None,
    )
