"""The rows behind a number: facts in time order, each with its part in the sum that was asked about."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.metrics import store
from services.metrics.answers import FactAnswer
from services.metrics.domain.grouping import By, Window, is_in_groups
from services.metrics.domain.projection import Projection
from services.metrics.domain.story import Chapter, chapter
from services.metrics.domain.tally import Measure, cells
from shared.db.transaction import Row, Transaction
from shared.ids import FollowUpId, MerchantId

_SCANNED_AT_ONCE = 500
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_MOST_SCANNED = 20_000
"""Facts looked at for one page; a rarer row is found on a later one."""
Place = tuple[datetime, UUID]

_TYPES: Mapping[Measure, tuple[str, ...]] = {
    Measure.TRIGGERS: ("trigger.received",),
    Measure.ORDERS: ("trigger.received",),
    Measure.ORDER_VALUE: ("trigger.received",),
    Measure.PLANNED: ("follow-up.planned",),
    Measure.DEFERRED: ("follow-up.deferred",),
    Measure.LAPSED: ("follow-up.lapsed",),
    Measure.BLOCKED: ("follow-up.blocked",),
    Measure.CANCELLED: ("follow-up.cancelled",),
    Measure.EXPIRED: ("follow-up.expired",),
    Measure.ACCEPTED: ("dispatch.accepted",),
    Measure.PARTS: ("dispatch.accepted",),
    Measure.COST: ("dispatch.accepted",),
    Measure.UNPRICED: ("dispatch.accepted",),
    Measure.DELIVERED: ("dispatch.delivered",),
    Measure.REACHED: ("dispatch.delivered",),
    Measure.FAILED: ("dispatch.failed",),
    Measure.UNKNOWN: ("dispatch.unknown",),
    Measure.REPLIES: ("reply.received",),
    Measure.REPLIED: ("reply.received",),
    Measure.OPTED_OUT: ("reply.received",),
    Measure.CLICKS: ("click.recorded",),
    Measure.ROBOT_CLICKS: ("click.recorded",),
    Measure.CLICKED: ("click.recorded",),
    Measure.CONVERSIONS: ("conversion.attributed",),
    Measure.CONVERTED: ("conversion.attributed",),
    Measure.TEXT_REVENUE: ("conversion.attributed", "conversion.adjusted"),
    Measure.REVENUE: ("conversion.attributed", "conversion.adjusted"),
    Measure.OPT_OUTS: ("consent.changed",),
    Measure.OPT_INS: ("consent.changed",),
    Measure.OPT_OUT_MILLISECONDS: ("consent.changed",),
    Measure.TIMED_OPT_OUTS: ("consent.changed",),
    Measure.ERASURES: ("recipient.erased",),
}
"""Where a measure's rows are looked for."""
_OF_THE_TEXT = frozenset(
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
"""Measures that count under the hour of the text: their facts come later than that."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows are wanted."""

    window: Window
    measure: Measure | None
    detail: str | None
    groups: Mapping[By, str]
    limit: int
    after: Place | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next page begins; None at the end."""

    rows: list[FactAnswer]
    next_place: Place | None


async def page_of(db: Transaction, merchant: MerchantId, question: Question, clock: ZoneInfo) -> Page:
    """Return one page of the rows behind a number; nothing personal is in them."""
    found: list[FactAnswer] = []
    place = question.after
    scanned = 0
    kinds = _TYPES[question.measure] if question.measure else ()
    while scanned < _MOST_SCANNED:
        batch = await store.facts_page(
            db,
            merchant,
            since=question.window.since,
            until=_LAST if question.measure in _OF_THE_TEXT else question.window.until,
            kinds=kinds,
            after=place,
            limit=_SCANNED_AT_ONCE,
        )
        scanned += len(batch)
        standings = await store.standings_of(
            db, {FollowUpId(row["follow_up_id"]) for row in batch if row["follow_up_id"]}
        )
        for row in batch:
            place = row["occurred_at"], row["event_id"]
            standing = standings.get(row["follow_up_id"])
            event = store.event_of(row)
            parts = [
                value
                for cell, value in cells(event, standing)
                if question.measure in {None, cell.measure}
                and (question.measure is None or question.window.since <= cell.hour < question.window.until)
                and question.detail in {None, cell.detail}
                and is_in_groups(cell, question.groups, clock)
            ]
            if parts or (question.measure is None and not question.groups):
                found.append(_shown(row, standing, chapter(event, clock), parts[0] if question.measure else None))
            if len(found) == question.limit:
                return Page(found, place)
        if len(batch) < _SCANNED_AT_ONCE:
            return Page(found, None)
    return Page(found, place)


def _shown(row: Row, standing: Projection | None, told: Chapter, value: int | None) -> FactAnswer:
    """Return a fact as the API shows it; the body holds no sealed part, for none was stored."""
    return FactAnswer(
        event_id=row["event_id"],
        type=row["type"],
        service=told.service,
        follow_up_id=row["follow_up_id"],
        recipient_id=row["recipient_id"],
        flow=(standing.flow or None) if standing else None,
        step=(standing.step or None) if standing else None,
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        summary=told.summary,
        value=value,
        fact=orjson.loads(row["body"]),
    )


def cursor_of(place: Place) -> str:
    """Return a place as an opaque word for a URL."""
    at, event_id = place
    return base64.urlsafe_b64encode(f"{at.isoformat()} {event_id}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place | None:
    """Return the place a cursor names; None where it names none."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        at, _, event_id = text.partition(" ")
        instant = datetime.fromisoformat(at)
        return (instant, UUID(event_id)) if instant.tzinfo else None
    except (ValueError, binascii.Error):
        return None
