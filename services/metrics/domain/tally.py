"""What each fact adds to which sum; the rollups are the total of all facts and of nothing else (promise P7)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.projection import ALREADY_DISPATCHED, Projection, failure_word, standing_of
from shared.events.consent import ConsentAct, ConsentChanged, ConsentReported, ConsentScope, RecipientErased
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchEvent, DispatchFailed, DispatchUnknown
from shared.events.engagement import ClickRecorded, ConversionAdjusted, ConversionAttributed, ReplyClass, ReplyReceived
from shared.events.envelope import Event
from shared.events.follow_up import (
    FollowUpBlocked,
    FollowUpCancelled,
    FollowUpCleared,
    FollowUpDeferred,
    FollowUpDue,
    FollowUpEvent,
    FollowUpExpired,
    FollowUpLapsed,
    FollowUpPlanned,
)
from shared.events.trigger import TriggerKind, TriggerReceived
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import ANSWER_PURPOSES

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The hour under which present states are counted: they belong to no hour."""
_WITHDRAWN: Final = (FollowUpState.CANCELLED, FollowUpState.EXPIRED, FollowUpState.BLOCKED)
"""Ends that were decided while something else may have been under way; they count where they held."""
MESSAGE_EXPIRED: Final = "message_expired"
"""The gate's word for a text that the scheduler then counts as expired; the verdict stays a refusal of the gate."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_ADDING_NOTHING: Final = frozenset({FollowUpDue, FollowUpCleared, ConsentReported})
"""The commonest facts that belong to no sum, told at once."""


class Measure(StrEnum):
    """What is summed; each counts facts unless it says otherwise."""

    TRIGGERS = "triggers"
    """Detail: kind."""
    ORDERS = "orders"
    """Detail: currency."""
    ORDER_VALUE = "order_value"
    """Minor units; detail: currency."""
    PLANNED = "planned"
    DEFERRED = "deferred"
    """Detail: reason."""
    LAPSED = "lapsed"
    BLOCKED = "blocked"
    """Unless the scheduler had withdrawn the text by then; detail: reason."""
    CANCELLED = "cancelled"
    """Unless it came too late, and the text went."""
    EXPIRED = "expired"
    """Likewise."""
    ACCEPTED = "accepted"
    PARTS = "parts"
    """Parts of accepted texts."""
    COST = "cost_micros"
    """Millionths of the currency's unit, such as a dollar; detail: currency."""
    UNPRICED = "unpriced"
    """Accepted texts of which the provider named no price."""
    DELIVERED = "delivered"
    """Follow-ups, each once, in the hour in which the provider took the text."""
    REACHED = "reached"
    """Likewise, without answers to HELP and confirmations of STOP: what every rate of engagement is a part of."""
    FAILED = "failed"
    """Detail: error class or reason."""
    UNKNOWN = "unknown"
    REPLIES = "replies"
    """Detail: class."""
    REPLIED = "replied"
    """Of those reached, each once, in the hour of the text; opt-outs are told apart, and HELP is no answer."""
    OPTED_OUT = "opted_out"
    """Of those reached, answered with an opt-out, each once, in the hour of the text."""
    CLICKS = "clicks"
    ROBOT_CLICKS = "robot_clicks"
    CLICKED = "clicked"
    """Of those reached, each once, by people, in the hour of the text."""
    CONVERSIONS = "conversions"
    CONVERTED = "converted"
    """Of those reached, each once, in the hour of the text."""
    TEXT_REVENUE = "text_revenue"
    """As revenue, of those reached, in the hour of the text; detail: currency."""
    REVENUE = "revenue"
    """Attributed, minor units, refunds deducted; detail: currency."""
    OPT_OUTS = "opt_outs"
    """Revocations that changed what the ledger holds, through any door; saying STOP again is none; detail: scope."""
    OPT_INS = "opt_ins"
    """Detail: scope."""
    OPT_OUT_MILLISECONDS = "opt_out_milliseconds"
    """From the person's act to the ledger, summed over timed opt-outs."""
    TIMED_OPT_OUTS = "timed_opt_outs"
    ERASURES = "erasures"
    IN_STATE = "in_state"
    """Follow-ups that stand there now; detail: state."""


class Cell(NamedTuple):
    """The key of one sum."""

    merchant_id: str
    hour: datetime
    measure: str
    detail: str
    flow: str
    flow_version: str
    step: str
    purpose: str
    segment: str
    provider: str
    sender_number: str


class TallyEntry(NamedTuple):
    """One fact's part in one sum, before its dimensions."""

    measure: Measure
    detail: str = ""
    value: int = 1
    at: datetime | None = None
    """Whose hour it counts under; None: that of the fact."""


def entries(event: Event, standing: Projection | None) -> Iterator[TallyEntry]:  # noqa: C901, PLR0912 - a table, one case a type
    """Yield what a fact adds; `standing` says whether it is the one that counts for its follow-up."""
    match event:
        case FollowUpPlanned():
            yield TallyEntry(Measure.PLANNED)
        case FollowUpDeferred():
            yield TallyEntry(Measure.DEFERRED, event.reason)
        case FollowUpLapsed():
            yield TallyEntry(Measure.LAPSED, event.reason)
        case FollowUpBlocked() | FollowUpCancelled() | FollowUpExpired():
            yield from _withdrawn(event, standing)
        case DispatchAccepted():
            yield TallyEntry(Measure.ACCEPTED)
            yield TallyEntry(Measure.PARTS, "", event.parts)
            micros = event.micros
            yield (
                TallyEntry(Measure.UNPRICED)
                if micros is None
                else TallyEntry(Measure.COST, event.currency or "", micros)
            )
        case DispatchDelivered():
            yield from _delivered(event, standing)
        case DispatchFailed():
            yield TallyEntry(Measure.FAILED, failure_word(event))
        case DispatchUnknown():
            yield TallyEntry(Measure.UNKNOWN, event.reason)
        case ClickRecorded() | ReplyReceived() | ConversionAttributed() | ConversionAdjusted():
            yield from _engagement(event, standing)
        case TriggerReceived(test=False):
            yield TallyEntry(Measure.TRIGGERS, event.kind)
            if event.kind == TriggerKind.PURCHASE:
                yield TallyEntry(Measure.ORDERS, event.currency or "")
                if event.amount_minor is not None:
                    yield TallyEntry(Measure.ORDER_VALUE, event.currency or "", event.amount_minor)
        case ConsentChanged():
            yield from _consent(event)
        case RecipientErased():
            yield TallyEntry(Measure.ERASURES)
        case _:
            return


def _delivered(event: DispatchDelivered, standing: Projection | None) -> Iterator[TallyEntry]:
    """Yield the delivery that counts, under the hour in which the provider took the text."""
    if standing is None or standing.accepted_at is None or standing.delivered_by != event.event_id:
        return
    yield TallyEntry(Measure.DELIVERED, at=standing.accepted_at)
    if standing.purpose not in ANSWER_PURPOSES:
        yield TallyEntry(Measure.REACHED, at=standing.accepted_at)


def _withdrawn(
    event: FollowUpBlocked | FollowUpCancelled | FollowUpExpired, standing: Projection | None
) -> Iterator[TallyEntry]:
    """Yield an end that held: the provider may have had the text after all, or the scheduler taken it back before."""
    state = standing.state if standing else None
    match event:
        case FollowUpBlocked() if state is FollowUpState.BLOCKED or event.reason == MESSAGE_EXPIRED:
            yield TallyEntry(Measure.BLOCKED, event.reason)
        case FollowUpExpired() if state is FollowUpState.EXPIRED:
            yield TallyEntry(Measure.EXPIRED, event.reason)
        case FollowUpCancelled() if state is FollowUpState.CANCELLED and event.reason != ALREADY_DISPATCHED:
            yield TallyEntry(Measure.CANCELLED, event.reason)
        case _:
            return


def _engagement(  # noqa: C901 - a table, one case a type
    event: ClickRecorded | ReplyReceived | ConversionAttributed | ConversionAdjusted, standing: Projection | None
) -> Iterator[TallyEntry]:
    """Yield what people did with a text; the second entry counts once a follow-up."""
    text_at = standing.reached_at if standing and standing.purpose not in ANSWER_PURPOSES else None
    counts = text_at is not None and standing is not None and event.event_id in standing.firsts
    match event:
        case ClickRecorded(robot=True):
            yield TallyEntry(Measure.ROBOT_CLICKS)
        case ClickRecorded():
            yield TallyEntry(Measure.CLICKS)
            if counts:
                yield TallyEntry(Measure.CLICKED, at=text_at)
        case ReplyReceived():
            yield TallyEntry(Measure.REPLIES, str(event.reply_class))
            if counts:
                opted_out = event.reply_class is ReplyClass.OPT_OUT
                yield TallyEntry(Measure.OPTED_OUT if opted_out else Measure.REPLIED, at=text_at)
        case ConversionAttributed():
            yield TallyEntry(Measure.CONVERSIONS)
            yield TallyEntry(Measure.REVENUE, event.currency, event.amount_minor)
            if text_at is not None:
                yield TallyEntry(Measure.TEXT_REVENUE, event.currency, event.amount_minor, text_at)
            if counts:
                yield TallyEntry(Measure.CONVERTED, at=text_at)
        case ConversionAdjusted():
            yield TallyEntry(Measure.REVENUE, event.currency, event.amount_minor)
            if text_at is not None:
                yield TallyEntry(Measure.TEXT_REVENUE, event.currency, event.amount_minor, text_at)


def _consent(event: ConsentChanged) -> Iterator[TallyEntry]:
    """Yield opt-outs with the time the ledger took, and opt-ins."""
    if event.act is ConsentAct.REVOKED:
        if not event.newly_revoked:
            return
        yield TallyEntry(Measure.OPT_OUTS, str(event.scope))
        scope = event.informational if event.scope is ConsentScope.INFORMATIONAL else event.marketing
        if scope.revoked_at is not None:
            yield TallyEntry(Measure.TIMED_OPT_OUTS)
            waited = max(timedelta(), event.occurred_at - scope.revoked_at)
            yield TallyEntry(Measure.OPT_OUT_MILLISECONDS, "", waited // _MILLISECOND)
    elif event.act in {ConsentAct.GRANTED, ConsentAct.CONFIRMED}:
        yield TallyEntry(Measure.OPT_INS, str(event.scope))


def cells(event: Event, standing: Projection | None) -> Iterator[tuple[Cell, int]]:
    """Yield each sum a fact belongs to and its part in it.

    The plan comes from the follow-up; the way it went from the fact itself, or for what people did from the
    follow-up's latest dispatch.
    """
    if type(event) in _ADDING_NOTHING:
        return
    plan = standing.plan if standing else ("", "", "", "", "")
    route = _route(event, standing)
    own = hour_of(event.occurred_at)
    for entry in entries(event, standing):
        hour = own if entry.at is None else hour_of(entry.at)
        yield Cell(event.merchant_id, hour, entry.measure, entry.detail, *plan, *route), entry.value


def _route(event: Event, standing: Projection | None) -> tuple[str, str]:
    match event:
        case DispatchEvent():
            return event.provider, event.sender_number
        case FollowUpPlanned():
            return "", event.sender_number
        case FollowUpEvent():
            return "", ""
        case ReplyReceived():
            return standing.provider if standing else "", event.sender_number
        case _:
            return standing.route if standing else ("", "")


def tally(events: Iterable[Event], standing: Projection | None) -> Counter[Cell]:
    """Return what facts about one follow-up (or about none) add up to, its present state left out."""
    total: Counter[Cell] = Counter()
    for event in events:
        for cell, value in cells(event, standing):
            total[cell] = total.get(cell, 0) + value
    return total


def state_cell(standing: Projection | None) -> Cell | None:
    """Return the sum that counts a follow-up where it stands now."""
    if standing is None or standing.rank < 0:
        return None
    return Cell(standing.merchant_id, ALWAYS, Measure.IN_STATE, standing.state, *standing.plan, "", "")


def is_told_differently(before: Projection | None, after: Projection) -> bool:
    """Return whether facts that were counted before must be counted anew: something they lean on has changed."""
    if before is None:
        return False
    if before.plan != after.plan or _withdrawn_as(before) is not _withdrawn_as(after):
        return True
    if (before.accepted_at, before.delivered_by) != (after.accepted_at, after.delivered_by) and (
        before.delivered_by is not None or before.is_engaged
    ):
        return True
    if not before.is_engaged:
        return False
    moved = before.route != after.route
    return moved or any(old is not None and old != new for old, new in zip(before.firsts, after.firsts, strict=True))


def _withdrawn_as(standing: Projection) -> FollowUpState | None:
    return standing.state if standing.state in _WITHDRAWN else None


def change(
    before: Projection | None, after: Projection, news: Sequence[Event], told: Sequence[Event] = ()
) -> Counter[Cell]:
    """Return what new facts about one follow-up change in the sums.

    Args:
        before: where it stood, None for a follow-up never heard of.
        after: where it stands with the news.
        news: the new facts, each once.
        told: every earlier fact where `is_told_differently`; they are taken back and counted anew.
    """
    delta = tally(news, after)
    if told:
        delta.update(tally(told, after))
        delta.subtract(tally(told, before))
    if (now := state_cell(after)) != (was := state_cell(before)):
        if now is not None:
            delta[now] += 1
        if was is not None:
            delta[was] -= 1
    return delta


def rebuild(events: Iterable[Event]) -> Counter[Cell]:
    """Return all sums from facts alone, whatever their order and however often each is told."""
    about: dict[object, list[Event]] = {}
    for event in {event.event_id: event for event in events}.values():
        about.setdefault(follow_up_of(event), []).append(event)
    total: Counter[Cell] = Counter()
    for follow_up_id, facts in about.items():
        standing = standing_of(facts) if follow_up_id is not None else None
        total.update(change(None, standing, facts) if standing else tally(facts, None))
    return nonzero(total)


def nonzero(sums: Counter[Cell]) -> Counter[Cell]:
    """Return the sums that are not zero."""
    return Counter({cell: value for cell, value in sums.items() if value})


def hour_of(at: datetime) -> datetime:
    """Return the start of the UTC hour an instant lies in."""
    return at.replace(minute=0, second=0, microsecond=0)
