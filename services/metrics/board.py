"""What is happening now, for one merchant: everything the console's first page shows, from one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.metrics import store
from services.metrics.domain.grouping import HOUR, Window, grouped
from services.metrics.domain.kpis import Figure, figures
from services.metrics.domain.projection import Projection
from services.metrics.domain.reasons import meaning_of
from services.metrics.domain.story import Chapter, chapter
from services.metrics.domain.tally import Measure, hour_of
from shared.db.transaction import Row, Transaction
from shared.ids import FollowUpId, MerchantId
from shared.vocabulary.follow_up_states import FollowUpState

FEED_FACTS: Final = 40
TROUBLED: Final = 8
_DAY: Final = timedelta(days=1)


class Span(StrEnum):
    """How far back the page looks."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def duration(self) -> timedelta:
        """The length, in whole days."""
        return {Span.DAY: _DAY, Span.WEEK: 7 * _DAY, Span.MONTH: 30 * _DAY}[self]

    @property
    def words(self) -> str:
        """How people say it."""
        return {Span.DAY: "the last 24 hours", Span.WEEK: "the last 7 days", Span.MONTH: "the last 30 days"}[self]


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour or day of the chart."""

    begins_at: datetime
    """On the merchant's clock."""
    delivered: int
    troubled: int
    """Failed or unknown."""
    blocked: int
    sums: Mapping[tuple[str, str], int]

    @property
    def total(self) -> int:
        """Everything that ended."""
        return self.delivered + self.troubled + self.blocked


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often something was held back or refused for one reason."""

    measure: Measure
    code: str
    words: str
    rule: str | None
    count: int


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One fact of the live feed, with the follow-up it is about."""

    chapter: Chapter
    standing: Projection | None


@dataclass(frozen=True, slots=True)
class Board:
    """One snapshot."""

    span: Span
    window: Window
    states: Mapping[FollowUpState, int]
    figures: Sequence[Figure]
    figures_before: Sequence[Figure]
    bars: Sequence[Bar]
    reasons: Sequence[ReasonCount]
    feed: Sequence[FeedLine]
    waiting: Sequence[Projection]
    """Their call was made and is not over."""
    troubled: Sequence[Projection]


async def board_of(db: Transaction, merchant: MerchantId, span: Span, now: datetime, clock: ZoneInfo) -> Board:
    """Return what is happening now; hours and days are the merchant's."""
    window = Window(hour_of(now) + HOUR - span.duration, hour_of(now) + HOUR)
    rows = await store.sums(db, merchant, window.since, window.until, ["hour"])
    earlier = await store.sums(db, merchant, window.since - span.duration, window.since)
    sums = grouped(rows, None, clock)[""]
    return Board(
        span=span,
        window=window,
        states=await store.states(db, merchant),
        figures=figures(sums),
        figures_before=figures(grouped(earlier, None, clock)[""]),
        bars=_bars(rows, window, span, clock),
        reasons=_reasons(sums),
        feed=await _feed(db, await store.newest_facts(db, merchant, FEED_FACTS), clock),
        waiting=await store.waiting(db, merchant, TROUBLED),
        troubled=await store.troubled(db, merchant, TROUBLED),
    )


def _bars(rows: Sequence[Row], window: Window, span: Span, clock: ZoneInfo) -> list[Bar]:
    """Return one bar an hour for a day, else one a day; empty ones too."""
    sums: dict[datetime, dict[tuple[str, str], int]] = {}
    at = window.since
    while at < window.until:
        sums.setdefault(_bucket(at, span, clock), {})
        at += HOUR
    for row in rows:
        inside = sums[_bucket(row["hour"], span, clock)]
        key = row["measure"], row["detail"]
        inside[key] = inside.get(key, 0) + int(row["value"])
    return [
        Bar(
            begins_at,
            delivered=_sum(inside, Measure.DELIVERED),
            troubled=_sum(inside, Measure.FAILED) + _sum(inside, Measure.UNKNOWN),
            blocked=_sum(inside, Measure.BLOCKED),
            sums=inside,
        )
        for begins_at, inside in sums.items()
    ]


def _bucket(hour: datetime, span: Span, clock: ZoneInfo) -> datetime:
    local = hour.astimezone(clock)
    return local if span is Span.DAY else local.replace(hour=0, minute=0, fold=0)


def _sum(sums: Mapping[tuple[str, str], int], measure: Measure) -> int:
    return sum(value for (name, _), value in sums.items() if name == measure)


def _reasons(sums: Mapping[tuple[str, str], int]) -> list[ReasonCount]:
    """Return why texts were held back, refused or did not arrive, the most frequent first."""
    shown = (Measure.DEFERRED, Measure.BLOCKED, Measure.FAILED)
    found = [
        ReasonCount(Measure(measure), code, *meaning_of(code), count)
        for (measure, code), count in sums.items()
        if measure in shown
    ]
    return sorted(found, key=lambda reason: (-reason.count, reason.measure, reason.code))


async def _feed(db: Transaction, rows: Sequence[Row], clock: ZoneInfo) -> list[FeedLine]:
    ids = {FollowUpId(row["follow_up_id"]) for row in rows if row["follow_up_id"]}
    standings: dict[Any, Projection] = {**await store.standings_of(db, ids)}
    return [FeedLine(chapter(store.event_of(row), clock), standings.get(row["follow_up_id"])) for row in rows]
