"""The rows behind a number: facts in time order, each with the value it adds to the number."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.metrics import store
from services.metrics.api_models import CountedAnswer, FactAnswer
from services.metrics.domain.counted import heading, value_shown
from services.metrics.domain.grouping import Dimension, Window, column_of, group_of, is_in_groups
from services.metrics.domain.journey_steps import describe
from services.metrics.domain.projection import Projection
from services.metrics.domain.rollups import Measure, RollupKey, rollup_entries
from services.metrics.store import StoredFact
from shared.db.transaction import Transaction
from shared.events.envelope import Event
from shared.ids import MerchantId

_SCANNED_AT_ONCE = 500
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
MOST_SCANNED: Final = 2_500
"""Facts scanned for one page; a rare row may be found only on a later page. As many take a quarter of a second."""
FactPosition = tuple[datetime, UUID]

_MEASURES: Mapping[str, tuple[Measure, ...]] = {
    "trigger.received": (Measure.TRIGGERS, Measure.ORDERS, Measure.ORDER_VALUE),
    "follow-up.planned": (Measure.PLANNED,),
    "follow-up.deferred": (Measure.DEFERRED,),
    "follow-up.lapsed": (Measure.LAPSED,),
    "follow-up.blocked": (Measure.BLOCKED,),
    "follow-up.cancelled": (Measure.CANCELLED,),
    "follow-up.expired": (Measure.EXPIRED,),
    "dispatch.accepted": (Measure.ACCEPTED, Measure.PARTS, Measure.COST, Measure.UNPRICED),
    "dispatch.delivered": (Measure.DELIVERED, Measure.REACHED),
    "dispatch.failed": (Measure.FAILED,),
    "dispatch.unknown": (Measure.UNKNOWN,),
    "reply.received": (Measure.REPLIES, Measure.REPLIED, Measure.OPTED_OUT),
    "click.recorded": (Measure.CLICKS, Measure.ROBOT_CLICKS, Measure.CLICKED),
    "conversion.attributed": (Measure.CONVERSIONS, Measure.CONVERTED, Measure.TEXT_REVENUE, Measure.REVENUE),
    "conversion.adjusted": (Measure.TEXT_REVENUE, Measure.REVENUE),
    "consent.changed": (Measure.OPT_OUTS, Measure.OPT_INS, Measure.OPT_OUT_MILLISECONDS, Measure.TIMED_OPT_OUTS),
    "recipient.erased": (Measure.ERASURES,),
}
"""The measures that each event type adds to: its facts are their rows."""
_BY_SEND_HOUR = frozenset(
    {
        Measure.DELIVERED,
        Measure.REACHED,
        Measure.CLICKED,
        Measure.REPLIED,
        Measure.OPTED_OUT,
        Measure.CONVERTED,
        Measure.TEXT_REVENUE,
    }
)
"""Measures counted in the hour in which the text was sent: their facts are later than that hour."""


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Which rows are requested."""

    window: Window
    measure: Measure | None
    detail: str | None
    groups: Mapping[Dimension, str]
    limit: int
    after: FactPosition | None


@dataclass(frozen=True, slots=True)
class FactPage:
    """Some rows, and where the next page begins; None on the last page."""

    rows: list[FactAnswer]
    end: FactPosition | None


async def load_page(db: Transaction, merchant: MerchantId, query: FactQuery, clock: ZoneInfo) -> FactPage:
    """Return one page of the rows behind a number; they hold no personal data."""
    found: list[FactAnswer] = []
    position = query.after
    scanned = 0
    kinds = [kind for kind, measures in _MEASURES.items() if query.measure in measures]
    while scanned < MOST_SCANNED:
        batch = await store.facts_page(
            db,
            merchant,
            since=query.window.since,
            until=_LAST if query.measure in _BY_SEND_HOUR else query.window.until,
            kinds=kinds,
            after=position,
            limit=_SCANNED_AT_ONCE,
        )
        scanned += len(batch)
        projections = await store.load_projections(db, {fact.follow_up_id for fact in batch if fact.follow_up_id})
        for fact in batch:
            event = fact.event()
            position = event.occurred_at, event.event_id
            projection = projections.get(fact.follow_up_id) if fact.follow_up_id else None
            values = [value for entry, value in rollup_entries(event, projection) if _counts(entry, query, clock)]
            if values or (query.measure is None and not query.groups):
                found.append(_answer(fact, event, projection, (query.measure, values), clock))
            if len(found) == query.limit:
                return FactPage(found, position)
        if len(batch) < _SCANNED_AT_ONCE:
            return FactPage(found, None)
    return FactPage(found, position)


async def load_counted(
    db: Transaction, merchant: MerchantId, query: FactQuery, clock: ZoneInfo
) -> CountedAnswer | None:
    """Return what all rows of a query add up to; None for a query without a measure."""
    if query.measure is None:
        return None
    columns = sorted({column_of(by) for by in query.groups})
    by_detail: dict[str, int] = {}
    for row in await store.sums(db, merchant, query.window.since, query.window.until, columns):
        is_asked = row["measure"] == query.measure and query.detail in {None, row["detail"]}
        if is_asked and all(group_of(by, row[column_of(by)], clock) == value for by, value in query.groups.items()):
            by_detail[row["detail"]] = by_detail.get(row["detail"], 0) + int(row["value"])
    return CountedAnswer(**asdict(heading(query.measure, query.detail, by_detail)))


def _counts(entry: RollupKey, query: FactQuery, clock: ZoneInfo) -> bool:
    """Return whether a sum is among those a query asks about."""
    is_measure = query.measure is None or (
        entry.measure == query.measure and query.window.since <= entry.hour < query.window.until
    )
    return is_measure and query.detail in {None, entry.detail} and is_in_groups(entry, query.groups, clock)


def _answer(
    fact: StoredFact,
    event: Event,
    projection: Projection | None,
    counted: tuple[Measure | None, Sequence[int]],
    clock: ZoneInfo,
) -> FactAnswer:
    """Return a fact as the API answers it; its body holds no encrypted field, since none was stored."""
    step, body = describe(event, clock), orjson.loads(fact.body)
    measure, values = counted
    return FactAnswer(
        event_id=event.event_id,
        type=event.type,
        service=step.service,
        follow_up_id=fact.follow_up_id,
        recipient_id=event.recipient_id,
        flow=(projection.flow or None) if projection else None,
        step=(projection.step or None) if projection else None,
        occurred_at=event.occurred_at,
        recorded_at=fact.recorded_at,
        summary=step.summary,
        value=values[0] if measure else None,
        counts=value_shown(measure, values[0], body.get("currency")) if measure else None,
        fact=body,
    )


def rows_query(
    measure: Measure, window: Window, detail: str | None, groups: Mapping[Dimension, str] | None = None
) -> str:
    """Return the query string of a URL of the rows behind a number."""
    query = {"measure": measure, "from": window.since.isoformat(), "to": window.until.isoformat()}
    return urlencode(query | ({"detail": detail} if detail is not None else {}) | dict(groups or {}))


def encode_cursor(position: FactPosition) -> str:
    """Return a position as an opaque string for a URL."""
    at, event_id = position
    return base64.urlsafe_b64encode(f"{at.isoformat()} {event_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> FactPosition | None:
    """Return the position of a cursor; None if it is not a valid cursor."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        at, _, event_id = text.partition(" ")
        instant = datetime.fromisoformat(at)
        return (instant, UUID(event_id)) if instant.tzinfo else None
    except (ValueError, binascii.Error):
        return None
