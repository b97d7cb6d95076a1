"""What each fact adds to which sum; the rollups are the total of all facts and of nothing else (promise P7)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.projection import ALREADY_DISPATCHED, Projection, failure_word, project
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


class RollupKey(NamedTuple):
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


class Contribution(NamedTuple):
    """One fact's part in one sum, before its dimensions."""

    measure: Measure
    detail: str = ""
    value: int = 1
    at: datetime | None = None
    """Whose hour it counts under; None: that of the fact."""


def contributions(event: Event, projection: Projection | None) -> Iterator[Contribution]:  # noqa: C901, PLR0912 - a table, one case a type
    """Yield what a fact adds; `projection` says whether it is the one that counts for its follow-up."""
    match event:
        case FollowUpPlanned():
            yield Contribution(Measure.PLANNED)
        case FollowUpDeferred():
            yield Contribution(Measure.DEFERRED, event.reason)
        case FollowUpLapsed():
            yield Contribution(Measure.LAPSED, event.reason)
        case FollowUpBlocked() | FollowUpCancelled() | FollowUpExpired():
            yield from _withdrawn(event, projection)
        case DispatchAccepted():
            yield Contribution(Measure.ACCEPTED)
            yield Contribution(Measure.PARTS, "", event.parts)
            micros = event.micros
            yield (
                Contribution(Measure.UNPRICED)
                if micros is None
                else Contribution(Measure.COST, event.currency or "", micros)
            )
        case DispatchDelivered():
            yield from _delivered(event, projection)
        case DispatchFailed():
            yield Contribution(Measure.FAILED, failure_word(event))
        case DispatchUnknown():
            yield Contribution(Measure.UNKNOWN, event.reason)
        case ClickRecorded() | ReplyReceived() | ConversionAttributed() | ConversionAdjusted():
            yield from _engagement(event, projection)
        case TriggerReceived(test=False):
            yield Contribution(Measure.TRIGGERS, event.kind)
            if event.kind == TriggerKind.PURCHASE:
                yield Contribution(Measure.ORDERS, event.currency or "")
                if event.amount_minor is not None:
                    yield Contribution(Measure.ORDER_VALUE, event.currency or "", event.amount_minor)
        case ConsentChanged():
            yield from _consent(event)
        case RecipientErased():
            yield Contribution(Measure.ERASURES)
        case _:
            return


def _delivered(event: DispatchDelivered, projection: Projection | None) -> Iterator[Contribution]:
    """Yield the delivery that counts, under the hour in which the provider took the text."""
    if projection is None or projection.accepted_at is None or projection.delivered_by != event.event_id:
        return
    yield Contribution(Measure.DELIVERED, at=projection.accepted_at)
    if projection.purpose not in ANSWER_PURPOSES:
        yield Contribution(Measure.REACHED, at=projection.accepted_at)


def _withdrawn(
    event: FollowUpBlocked | FollowUpCancelled | FollowUpExpired, projection: Projection | None
) -> Iterator[Contribution]:
    """Yield an end that held: the provider may have had the text after all, or the scheduler taken it back before."""
    state = projection.state if projection else None
    match event:
        case FollowUpBlocked() if state is FollowUpState.BLOCKED or event.reason == MESSAGE_EXPIRED:
            yield Contribution(Measure.BLOCKED, event.reason)
        case FollowUpExpired() if state is FollowUpState.EXPIRED:
            yield Contribution(Measure.EXPIRED, event.reason)
        case FollowUpCancelled() if state is FollowUpState.CANCELLED and event.reason != ALREADY_DISPATCHED:
            yield Contribution(Measure.CANCELLED, event.reason)
        case _:
            return


def _engagement(  # noqa: C901 - a table, one case a type
    event: ClickRecorded | ReplyReceived | ConversionAttributed | ConversionAdjusted, projection: Projection | None
) -> Iterator[Contribution]:
    """Yield what people did with a text; the second entry counts once a follow-up."""
    text_at = projection.reached_at if projection and projection.purpose not in ANSWER_PURPOSES else None
    counts = text_at is not None and projection is not None and event.event_id in projection.firsts
    match event:
        case ClickRecorded(robot=True):
            yield Contribution(Measure.ROBOT_CLICKS)
        case ClickRecorded():
            yield Contribution(Measure.CLICKS)
            if counts:
                yield Contribution(Measure.CLICKED, at=text_at)
        case ReplyReceived():
            yield Contribution(Measure.REPLIES, str(event.reply_class))
            if counts:
                opted_out = event.reply_class is ReplyClass.OPT_OUT
                yield Contribution(Measure.OPTED_OUT if opted_out else Measure.REPLIED, at=text_at)
        case ConversionAttributed():
            yield Contribution(Measure.CONVERSIONS)
            yield Contribution(Measure.REVENUE, event.currency, event.amount_minor)
            if text_at is not None:
                yield Contribution(Measure.TEXT_REVENUE, event.currency, event.amount_minor, text_at)
            if counts:
                yield Contribution(Measure.CONVERTED, at=text_at)
        case ConversionAdjusted():
            yield Contribution(Measure.REVENUE, event.currency, event.amount_minor)
            if text_at is not None:
                yield Contribution(Measure.TEXT_REVENUE, event.currency, event.amount_minor, text_at)


def _consent(event: ConsentChanged) -> Iterator[Contribution]:
    """Yield opt-outs with the time the ledger took, and opt-ins."""
    if event.act is ConsentAct.REVOKED:
        if not event.newly_revoked:
            return
        yield Contribution(Measure.OPT_OUTS, str(event.scope))
        scope = event.informational if event.scope is ConsentScope.INFORMATIONAL else event.marketing
        if scope.revoked_at is not None:
            yield Contribution(Measure.TIMED_OPT_OUTS)
            waited = max(timedelta(), event.occurred_at - scope.revoked_at)
            yield Contribution(Measure.OPT_OUT_MILLISECONDS, "", waited // _MILLISECOND)
    elif event.act in {ConsentAct.GRANTED, ConsentAct.CONFIRMED}:
        yield Contribution(Measure.OPT_INS, str(event.scope))


def rollup_entries(event: Event, projection: Projection | None) -> Iterator[tuple[RollupKey, int]]:
    """Yield each sum a fact belongs to and its part in it.

    The plan comes from the follow-up; the way it went from the fact itself, or for what people did from the
    follow-up's latest dispatch.
    """
    if type(event) in _ADDING_NOTHING:
        return
    plan = projection.plan if projection else ("", "", "", "", "")
    route = _route(event, projection)
    own = hour_of(event.occurred_at)
    for entry in contributions(event, projection):
        hour = own if entry.at is None else hour_of(entry.at)
        yield RollupKey(event.merchant_id, hour, entry.measure, entry.detail, *plan, *route), entry.value


def _route(event: Event, projection: Projection | None) -> tuple[str, str]:
    match event:
        case DispatchEvent():
            return event.provider, event.sender_number
        case FollowUpPlanned():
            return "", event.sender_number
        case FollowUpEvent():
            return "", ""
        case ReplyReceived():
            return projection.provider if projection else "", event.sender_number
        case _:
            return projection.route if projection else ("", "")


def add_up(events: Iterable[Event], projection: Projection | None) -> Counter[RollupKey]:
    """Return what facts about one follow-up (or about none) add up to, its present state left out."""
    total: Counter[RollupKey] = Counter()
    for event in events:
        for cell, value in rollup_entries(event, projection):
            total[cell] = total.get(cell, 0) + value
    return total


def state_key(projection: Projection | None) -> RollupKey | None:
    """Return the sum that counts a follow-up where it stands now."""
    if projection is None or projection.rank < 0:
        return None
    return RollupKey(projection.merchant_id, ALWAYS, Measure.IN_STATE, projection.state, *projection.plan, "", "")


def needs_recount(before: Projection | None, after: Projection) -> bool:
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


def _withdrawn_as(projection: Projection) -> FollowUpState | None:
    return projection.state if projection.state in _WITHDRAWN else None


def rollup_delta(
    before: Projection | None, after: Projection, news: Sequence[Event], told: Sequence[Event] = ()
) -> Counter[RollupKey]:
    """Return what new facts about one follow-up change in the sums.

    Args:
        before: where it stood, None for a follow-up never heard of.
        after: where it stands with the news.
        news: the new facts, each once.
        told: every earlier fact where `needs_recount`; they are taken back and counted anew.
    """
    delta = add_up(news, after)
    if told:
        delta.update(add_up(told, after))
        delta.subtract(add_up(told, before))
    if (now := state_key(after)) != (was := state_key(before)):
        if now is not None:
            delta[now] += 1
        if was is not None:
            delta[was] -= 1
    return delta


def rebuild(events: Iterable[Event]) -> Counter[RollupKey]:
    """Return all sums from facts alone, whatever their order and however often each is told."""
    about: dict[object, list[Event]] = {}
    for event in {event.event_id: event for event in events}.values():
        about.setdefault(follow_up_of(event), []).append(event)
    total: Counter[RollupKey] = Counter()
    for follow_up_id, facts in about.items():
        projection = project(facts) if follow_up_id is not None else None
        total.update(rollup_delta(None, projection, facts) if projection else add_up(facts, None))
    return nonzero(total)


def nonzero(sums: Counter[RollupKey]) -> Counter[RollupKey]:
    """Return the sums that are not zero."""
    return Counter({cell: value for cell, value in sums.items() if value})


def hour_of(at: datetime) -> datetime:
    """Return the start of the UTC hour an instant lies in."""
    return at.replace(minute=0, second=0, microsecond=0)
