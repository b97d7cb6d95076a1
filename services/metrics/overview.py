"""What is happening now for one merchant, from one snapshot; the answer of `GET /v1/overview`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.metrics import store
from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.grouping import HOUR, Window, grouped
from services.metrics.domain.journey_steps import JourneyStep, describe
from services.metrics.domain.kpis import Figure, MeasureTotals, figures, total
from services.metrics.domain.projection import Projection
from services.metrics.domain.reasons import meaning_of
from services.metrics.domain.rollups import Measure, hour_of
from shared.db.transaction import Row, Transaction
from shared.events.envelope import Event
from shared.ids import MerchantId
from shared.vocabulary.follow_up_states import FollowUpState

_ENDED: Final = (Measure.DELIVERED, Measure.FAILED, Measure.UNKNOWN, Measure.BLOCKED)
_FEED_FACTS: Final = 40
_MOST_FOLLOW_UPS: Final = 8


class OverviewPeriod(StrEnum):
    """The period that the page covers."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def duration(self) -> timedelta:
        """The length, in whole days."""
        return timedelta(days={OverviewPeriod.DAY: 1, OverviewPeriod.WEEK: 7, OverviewPeriod.MONTH: 30}[self])


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour or day of the chart."""

    begins_at: datetime
    """In the merchant's time zone."""
    delivered: int
    troubled: int
    """Failed or unknown."""
    blocked: int
    before: int
    """How many ended in the same place of the period before."""
    sums: MeasureTotals


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many follow-ups were deferred, blocked or failed for one reason."""

    measure: Measure
    code: str
    words: str
    rule: str | None
    count: int


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One fact of the live feed, and the follow-up it concerns."""

    step: JourneyStep
    projection: Projection | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One snapshot."""

    period: OverviewPeriod
    window: Window
    window_before: Window
    states: Mapping[FollowUpState, int]
    figures: Sequence[Figure]
    figures_before: Sequence[Figure]
    bars: Sequence[Bar]
    reasons: Sequence[ReasonCount]
    feed: Sequence[FeedLine]
    waiting: Sequence[Projection]
    """Those whose provider call is not concluded."""
    needs_attention: Sequence[Projection]
    """Unknown, blocked or failed, newest first."""


async def load_overview(
    db: Transaction, merchant: MerchantId, period: OverviewPeriod, now: datetime, clock: ZoneInfo
) -> Overview:
    """Return the overview of now; hours and days are in the merchant's time zone."""
    window = Window(hour_of(now) + HOUR - period.duration, hour_of(now) + HOUR)
    rows = await store.sums(db, merchant, window.since, window.until, ["hour"])
    window_before = Window(window.since - period.duration, window.since)
    earlier = await store.sums(db, merchant, window_before.since, window_before.until, ["hour"])
    sums, before = grouped(rows, None, clock)[""], grouped(earlier, None, clock)[""]
    nothing_yet = dict.fromkeys(before, 0)  # a reason or currency of the period before alone is 0 now, not missing
    return Overview(
        period=period,
        window=window,
        window_before=window_before,
        states=await store.states(db, merchant),
        figures=figures(nothing_yet | sums),
        figures_before=figures(dict.fromkeys(sums, 0) | before),
        bars=_bars(rows, earlier, window, period, clock),
        reasons=_reasons(sums),
        feed=await _feed(db, await store.newest_facts(db, merchant, _FEED_FACTS), clock),
        waiting=await store.waiting(db, merchant, _MOST_FOLLOW_UPS),
        needs_attention=await store.needing_attention(db, merchant, _MOST_FOLLOW_UPS),
    )


def _bars(
    rows: Sequence[Row], earlier: Sequence[Row], window: Window, period: OverviewPeriod, clock: ZoneInfo
) -> list[Bar]:
    """Return one bar for each hour of a day, or each day of a longer period, empty ones included."""
    sums: dict[datetime, dict[tuple[str, str], int]] = {}
    at = window.since
    while at < window.until:
        sums.setdefault(_bucket(at, period, clock), {})
        at += HOUR
    for row in rows:
        inside = sums[_bucket(row["hour"], period, clock)]
        key = row["measure"], row["detail"]
        inside[key] = inside.get(key, 0) + int(row["value"])
    before = Counter[datetime]()
    for row in earlier:
        if row["measure"] in _ENDED:
            before[_bucket(row["hour"] + period.duration, period, clock)] += int(row["value"])
    return [
        Bar(
            begins_at,
            delivered=total(inside, Measure.DELIVERED),
            troubled=total(inside, Measure.FAILED) + total(inside, Measure.UNKNOWN),
            blocked=total(inside, Measure.BLOCKED),
            before=before[begins_at],
            sums=inside,
        )
        for begins_at, inside in sums.items()
    ]


def _bucket(hour: datetime, period: OverviewPeriod, clock: ZoneInfo) -> datetime:
    local = hour.astimezone(clock)
    return local if period is OverviewPeriod.DAY else local.replace(hour=0, minute=0, fold=0)


def _reasons(sums: MeasureTotals) -> list[ReasonCount]:
    """Return why follow-ups were deferred, blocked or failed, the most frequent reason first."""
    shown = (Measure.DEFERRED, Measure.BLOCKED, Measure.FAILED)
    found = [
        ReasonCount(Measure(measure), code, *meaning_of(code), count)
        for (measure, code), count in sums.items()
        if measure in shown
    ]
    return sorted(found, key=lambda reason: (-reason.count, reason.measure, reason.code))


async def _feed(db: Transaction, newest: Sequence[Event], clock: ZoneInfo) -> list[FeedLine]:
    ids = [follow_up_of(event) for event in newest]
    projections = await store.load_projections(db, {key for key in ids if key})
    return [
        FeedLine(describe(event, clock), projections.get(key) if key else None)
        for event, key in zip(newest, ids, strict=True)
    ]
