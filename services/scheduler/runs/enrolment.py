"""Whether a trigger starts a run through a flow: condition, entry rule, and whether something cancelled it before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeAlias

import orjson

from services.scheduler.runs.facts import Trigger
from shared.conditions import ConditionError, compile_condition, evaluate_text
from shared.config.flow import CancelRule, Enter, Every, Flow, OncePer, Step, TextStep
from shared.errors import ConditionFault
from shared.events.follow_up import Purpose
from shared.events.trigger import ORDER_DELETED
from shared.vocabulary.built_in_flows import ANSWER_FLOW, API_FLOW, TEST_FLOW

API_STEP = "text"
"""The one step of the built-in flows `api` and `test`."""
_BUILT_IN_TEXTS: Mapping[str, tuple[str, ...]] = {
    API_FLOW: (API_STEP,),
    TEST_FLOW: (API_STEP,),
    ANSWER_FLOW: (Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION),
}


class Decline(StrEnum):
    """Why a trigger did not start a run."""

    CONDITION = "condition"
    """`when` is false."""
    CONDITION_ERROR = "condition_error"
    """A condition cannot be evaluated with these facts; then nothing is sent."""
    ALREADY_ENTERED = "already_entered"
    CANCELLED_BEFORE = "cancelled_before"
    """The trigger that would cancel the run came first."""
    NO_SENDER_NUMBER = "no_sender_number"
    ERASED = "erased"
    CLOSED = "closed"
    """The merchant closed after this happened."""
    PENDING_QUOTA = "pending_quota_exceeded"
    """Its merchant has as many follow-ups pending as its quota allows."""


@dataclass(frozen=True, slots=True)
class Run:
    """The latest run of a recipient through a flow under one entry key."""

    ordinal: int
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A run to be started."""

    entry_key: str
    ordinal: int


EnrolmentResult: TypeAlias = Enrolment | Decline


def enrolment(
    flow: Flow,
    trigger: Trigger,
    names: Mapping[str, Any],
    runs: Mapping[bytes, Run],
    earlier: Iterable[Trigger],
    key: "str | ConditionError | None" = None,
) -> EnrolmentResult:
    """Decide whether this trigger starts a run.

    Args:
        flow: as in force now.
        trigger: what happened.
        names: ``trigger``, ``recipient``, ``history`` and ``now``.
        runs: the recipient's runs through this flow, by `key_hash` of their entry key.
        earlier: triggers of the same recipient that were read before this one.
        key: the entry key, where it is known already.
    """
    if flow.when is not None:
        answer = _holds(flow.when, names)
        if answer is not True:
            return Decline.CONDITION if answer is False else Decline.CONDITION_ERROR
    if key is None:
        key = entry_key(flow.enter, names)
    if isinstance(key, ConditionError):
        return Decline.CONDITION_ERROR
    ordinal = _ordinal(flow.enter, runs.get(key_hash(key)), trigger.occurred_at)
    if ordinal is None:
        return Decline.ALREADY_ENTERED
    for other in earlier:
        if other.occurred_at < trigger.occurred_at:
            continue
        is_deleted = trigger.subject is not None and (other.kind, other.subject) == (ORDER_DELETED, trigger.subject)
        if is_deleted or cancel_reason(flow.cancel_on, other, names) is not None:
            return Decline.CANCELLED_BEFORE
    return Enrolment(key, ordinal)


def cancel_reason(rules: Iterable[CancelRule], event: Trigger, names: Mapping[str, Any]) -> str | None:
    """Return why a trigger cancels a run: its kind, or that a rule could not be evaluated; None where it does not.

    Args:
        rules: of the version the run began with.
        event: the trigger.
        names: ``trigger`` (what began the run), ``recipient``, ``history``, ``now``.
    """
    for rule in rules:
        if rule.on != event.kind:
            continue
        answer = True if rule.when is None else _holds(rule.when, {**names, "event": event.names()})
        if answer is True:
            return event.kind
        if isinstance(answer, ConditionError):
            return Decline.CONDITION_ERROR
    return None


def key_hash(entry_key: str) -> bytes:
    """Return what is stored of an entry key, which may hold personal data."""
    return sha256(entry_key.encode()).digest()


@dataclass(frozen=True, slots=True)
class Terms:
    """The parts of a flow version that are read after its runs began."""

    cancel_on: tuple[CancelRule, ...] = ()
    steps: tuple[Step, ...] = ()
    """None of a built-in flow."""
    if_past: str = "send"
    """Of the follow-up of a built-in flow."""

    def texts(self, flow: str) -> tuple[str, ...]:
        """Return the text steps of a run of this flow."""
        if flow in _BUILT_IN_TEXTS:
            return _BUILT_IN_TEXTS[flow]
        return tuple(step.text for step in self.steps if isinstance(step, TextStep))

    def skips(self, name: str) -> bool:
        """Return whether a text step is skipped once its due time has passed."""
        own = (step.if_past for step in self.steps if isinstance(step, TextStep) and step.text == name)
        return next(own, self.if_past) == "skip"


def built_in_version(flow: str, rules: Iterable[CancelRule], if_past: str | None = None) -> str:
    """Return the content of a built-in flow's version: only what is read later."""
    content: dict[str, Any] = {
        "flow": flow,
        "cancel_on": [rule.model_dump(mode="json", exclude_defaults=True) for rule in rules],
    }
    if if_past == "skip":
        content["if_past"] = if_past
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def terms_of(content: str) -> Terms:
    """Return the terms of a stored version."""
    stored = orjson.loads(content)
    return Terms(
        cancel_on=tuple(CancelRule.model_validate(rule) for rule in stored.get("cancel_on", ())),
        steps=Flow.from_canonical(content).steps if "steps" in stored else (),
        if_past=stored.get("if_past", "send"),
    )


def _holds(source: str, names: Mapping[str, Any]) -> bool | ConditionError:
    try:
        return compile_condition(source).holds(names)
    except ConditionFault as fault:
        return ConditionError(fault.detail)


def entry_key(enter: Enter, names: Mapping[str, Any]) -> str | ConditionError:
    """Return what the run is unique for; the empty string where it is unique for the person."""
    if not isinstance(enter, OncePer):
        return ""
    try:
        return evaluate_text(enter.once_per, names)
    except ConditionFault as fault:
        return ConditionError(fault.detail)


def _ordinal(enter: Enter, last: Run | None, occurred_at: datetime) -> int | None:
    """Return the ordinal of the run that would begin; None where the entry rule allows no other."""
    if last is None:
        return 1
    if isinstance(enter, Every) and occurred_at >= last.entered_at + enter.every:
        return last.ordinal + 1
    return None
