"""What each fact adds to which sums; the rollups are the total of all facts and of nothing else (promise P7)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.projection import ALREADY_DISPATCHED, MESSAGE_EXPIRED, Projection, failure_code, project
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
from shared.vocabulary.built_in_flows import TEST_FLOW
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import REPLYING_PURPOSES

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The hour under which current states are counted, since they belong to no hour."""
_WITHDRAWN: Final = (FollowUpState.CANCELLED, FollowUpState.EXPIRED, FollowUpState.BLOCKED)
"""Ends that may have been overtaken by a send in progress; they count only while they are the state."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_ADDING_NOTHING: Final = frozenset({FollowUpDue, FollowUpCleared, ConsentReported})
"""The most frequent facts that belong to no sum, recognized by type."""


class Measure(StrEnum):
    """The measures; each counts facts unless its docstring says otherwise."""

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
    """Unless the scheduler had withdrawn the text before; detail: reason."""
    CANCELLED = "cancelled"
    """Unless it was too late and the text was sent."""
    EXPIRED = "expired"
    """Likewise."""
    ACCEPTED = "accepted"
    PARTS = "parts"
    """Parts of accepted texts."""
    COST = "cost_micros"
    """Millionths of the currency's main unit; detail: currency."""
    UNPRICED = "unpriced"
    """Accepted texts without a price from the provider."""
    DELIVERED = "delivered"
    """Follow-ups, each once, in the hour in which the provider accepted the text."""
    REACHED = "reached"
    """Likewise, without answers to HELP and confirmations of STOP: the denominator of every engagement rate."""
    FAILED = "failed"
    """Detail: error class or reason."""
    UNKNOWN = "unknown"
    REPLIES = "replies"
    """Detail: class."""
    REPLIED = "replied"
    """Of those reached, each once, in the hour of the text; opt-outs are separate, and HELP is no answer."""
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
    """Withdrawals that changed the ledger, through any entry point; a repeated STOP is none; detail: scope."""
    OPT_INS = "opt_ins"
    """Detail: scope."""
    OPT_OUT_MILLISECONDS = "opt_out_milliseconds"
    """From the person's act to the ledger entry, summed over opt-outs with a measured time."""
    TIMED_OPT_OUTS = "timed_opt_outs"
    ERASURES = "erasures"
    IN_STATE = "in_state"
    """Follow-ups that are in a state now; detail: state."""


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
    """What one fact adds to one sum, without the dimensions."""

    measure: Measure
    detail: str = ""
    value: int = 1
    at: datetime | None = None
    """The instant in whose hour it counts; None: that of the fact."""


def contributions(event: Event, projection: Projection | None) -> Iterator[Contribution]:  # noqa: C901, PLR0912 - a table, one case a type
    """Yield what a fact adds; `projection` decides whether it is the one that counts for its follow-up."""
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
            if (micros := event.micros) is None:
                yield Contribution(Measure.UNPRICED)
            else:
                yield Contribution(Measure.COST, event.currency or "", micros)
        case DispatchDelivered():
            yield from _delivered(event, projection)
        case DispatchFailed():
            yield Contribution(Measure.FAILED, failure_code(event))
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


def _delivered(event: DispatchDelivered, projection: Projection | None) -> Iterator[Contribution]:
    """Yield the delivery that counts, in the hour in which the provider accepted the text."""
    if projection is None or projection.accepted_at is None or projection.delivered_by != event.event_id:
        return
    yield Contribution(Measure.DELIVERED, at=projection.accepted_at)
    if projection.purpose not in REPLYING_PURPOSES:
        yield Contribution(Measure.REACHED, at=projection.accepted_at)


def _withdrawn(
    event: FollowUpBlocked | FollowUpCancelled | FollowUpExpired, projection: Projection | None
) -> Iterator[Contribution]:
    """Yield an end if it is the final state: the text may have been sent after all, or withdrawn before."""
    state = projection.state if projection else None
    match event:
        case FollowUpBlocked() if state is FollowUpState.BLOCKED or event.reason == MESSAGE_EXPIRED:
            yield Contribution(Measure.BLOCKED, event.reason)
        case FollowUpExpired() if state is FollowUpState.EXPIRED:
            yield Contribution(Measure.EXPIRED, event.reason)
        case FollowUpCancelled() if state is FollowUpState.CANCELLED and event.reason != ALREADY_DISPATCHED:
            yield Contribution(Measure.CANCELLED, event.reason)


def _engagement(
    event: ClickRecorded | ReplyReceived | ConversionAttributed | ConversionAdjusted, projection: Projection | None
) -> Iterator[Contribution]:
    """Yield a reaction to a text; the second contribution counts once for each follow-up."""
    text_at = projection.reached_at if projection and projection.purpose not in REPLYING_PURPOSES else None
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
        case ConversionAttributed() | ConversionAdjusted():
            if isinstance(event, ConversionAttributed):
                yield Contribution(Measure.CONVERSIONS)
            yield Contribution(Measure.REVENUE, event.currency, event.amount_minor)
            if text_at is not None:
                yield Contribution(Measure.TEXT_REVENUE, event.currency, event.amount_minor, text_at)
            if counts:
                yield Contribution(Measure.CONVERTED, at=text_at)


def _consent(event: ConsentChanged) -> Iterator[Contribution]:
    """Yield opt-outs with their time to the ledger, and opt-ins."""
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
    """Yield each sum that a fact belongs to, and what it adds.

    The dimensions of the plan come from the follow-up; provider and number from the fact itself, or for reactions from
    the follow-up's latest dispatch.
    """
    if type(event) in _ADDING_NOTHING:
        return
    plan = projection.plan if projection else ("", "", "", "", "")
    if plan[0] == TEST_FLOW:
        return
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
    """Return the sums of facts about one follow-up (or about none), without its current state."""
    total: Counter[RollupKey] = Counter()
    for event in events:
        for cell, value in rollup_entries(event, projection):
            total[cell] = total.get(cell, 0) + value
    return total


def state_key(projection: Projection | None) -> RollupKey | None:
    """Return the sum that counts a follow-up in its current state."""
    if projection is None or projection.rank < 0 or projection.flow == TEST_FLOW:
        return None
    return RollupKey(projection.merchant_id, ALWAYS, Measure.IN_STATE, projection.state, *projection.plan, "", "")


def needs_recount(before: Projection | None, after: Projection) -> bool:
    """Return whether facts counted before must be counted again, because what they depend on has changed."""
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
    before: Projection | None, after: Projection, new_facts: Sequence[Event], earlier: Sequence[Event] = ()
) -> Counter[RollupKey]:
    """Return what new facts about one follow-up change in the sums.

    Args:
        before: the projection before; None for an unknown follow-up.
        after: the projection with the new facts.
        new_facts: the new facts, each once.
        earlier: every earlier fact if `needs_recount`; they are subtracted and counted again.
    """
    delta = add_up(new_facts, after)
    if earlier:
        delta.update(add_up(earlier, after))
        delta.subtract(add_up(earlier, before))
    if (now := state_key(after)) != (was := state_key(before)):
        if now is not None:
            delta[now] += 1
        if was is not None:
            delta[was] -= 1
    return delta


def rebuild(events: Iterable[Event]) -> Counter[RollupKey]:
    """Return all sums from facts alone, independent of their sequence and of repeats."""
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
