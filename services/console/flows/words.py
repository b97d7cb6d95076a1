"""The rules of a flow as plain sentences (pure). What no sentence is known for stays the expression it is."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.console.flows.answers import FlowEnter, FlowWait

_KINDS: Final[Mapping[str, str]] = {
    "purchase": "somebody buys",
    "inquiry": "somebody asks a question",
    "checkout_started": "somebody starts a checkout",
    "checkout_completed": "somebody completes a checkout",
    "fulfilment": "an order is shipped",
    "in_transit": "a parcel is on its way",
    "out_for_delivery": "a parcel is out for delivery",
    "ready_for_pickup": "an order can be picked up",
    "delivery_attempted": "a delivery was tried in vain",
    "delivery_failed": "a delivery failed",
    "delivery": "an order is delivered",
    "refund": "an order is refunded",
    "cancellation": "an order or booking is cancelled",
    "booking": "somebody books",
    "customer_updated": "a customer’s data change",
    "subscription_cancel_started": "somebody begins to cancel a subscription",
    "loyalty_changed": "loyalty points or tier change",
    "survey_answered": "somebody answers a survey",
}
_UNITS: Final = ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LEAST_SPAN: Final = 3
_NUMBER: Final = r"(\d{1,12})"
_OPERATORS: Final[Mapping[str, str]] = {
    ">=": "at least",
    ">": "more than",
    "<=": "at most",
    "<": "less than",
    "==": "exactly",
}
_COMPARED: Final = rf"\s*(>=|<=|==|>|<)\s*{_NUMBER}"
_PATTERNS: Final[Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"!trigger\.test", lambda _: "it is not a test"),
        (rf"trigger\.amount_minor{_COMPARED}", lambda m: f"its amount is {_OPERATORS[m[1]]} {int(m[2]) / 100:,.2f}"),
        (r"event\.subject\s*==\s*trigger\.subject", lambda _: "it is about the same order"),
        (r"history\.orders\s*==\s*0", lambda _: "the person never ordered before"),
        (rf"history\.orders{_COMPARED}", lambda m: f"the person ordered {_OPERATORS[m[1]]} {_times(m[2])} before"),
        (rf"history\.texts_7d{_COMPARED}", lambda m: f"the person got {_OPERATORS[m[1]]} {m[2]} texts in 7 days"),
        (rf"history\.texts_30d{_COMPARED}", lambda m: f"the person got {_OPERATORS[m[1]]} {m[2]} texts in 30 days"),
        (r"""recipient\.country\s*==\s*["']([A-Z]{2})["']""", lambda m: f"the person lives in {m[1]}"),
        (r"""recipient\.state\s*==\s*["']([A-Z]{2})["']""", lambda m: f"the person lives in {m[1]}"),
        (r"""["']([\w -]{1,40})["']\s+in\s+trigger\.tags""", lambda m: f"it is tagged “{m[1]}”"),
        (r"""!\(\s*["']([\w -]{1,40})["']\s+in\s+trigger\.tags\s*\)""", lambda m: f"it is not tagged “{m[1]}”"),
    )
)


@dataclass(frozen=True, slots=True)
class ConditionPart:
    """One of the conditions that must all be true."""

    words: str
    is_code: bool
    """It is the expression itself."""


def kind_words(kind: str) -> str:
    """Return what happens when an event of this kind arrives."""
    if kind.startswith("custom."):
        return f"your event “{kind.removeprefix('custom.')}” arrives"
    return _KINDS.get(kind, kind.replace("_", " "))


def condition_parts(expression: str | None) -> list[ConditionPart]:
    """Return the parts of a condition, each as a sentence if one is known for it."""
    return [] if expression is None else [_part(each) for each in _conjuncts(expression)]


def enter_words(enter: FlowEnter) -> str:
    """Return how often one person may run through."""
    match enter.rule:
        case "once":
            return "Once for each person, ever"
        case "every":
            return f"Again when {duration_words(enter.every_seconds or 0)} have passed since the last run began"
        case "once_per":
            if enter.once_per == "trigger.subject":
                return "Once for each order, booking or cart"
            return f"Once for each value of {enter.once_per}"


def duration_words(seconds: int) -> str:
    """Return a duration in its two largest units: `1 hour 30 minutes`."""
    found = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            found.append(f"{count:,} {unit}{'' if count == 1 else 's'}")
    return " ".join(found[:2]) or "no time"


def wait_words(wait: FlowWait) -> str:
    """Return a wait: `Wait 1 hour`, `3 days later, at 10:00 on Mon–Fri`."""
    if wait.seconds is not None:
        return f"Wait {duration_words(wait.seconds)}"
    elapsed = wait.days * 86_400 + wait.hours * 3_600 + wait.minutes * 60
    later = f"{_days_words(wait)} later" if elapsed else "Wait"
    clock = ""
    if wait.then_at is not None:
        clock = f"{',' if elapsed else ' until'}{' at' if elapsed else ''} {wait.then_at}"
    days = f" on {weekday_words(wait.on)}" if wait.on else ""
    return f"{later}{clock}{days}"


def weekday_words(days: Sequence[str]) -> str:
    """Return weekdays: `Mon–Fri`, `Mon, Wed`."""
    places = sorted({_WEEKDAYS.index(day) for day in days if day in _WEEKDAYS})
    names = [_WEEKDAYS[place].capitalize() for place in places]
    if len(places) >= _LEAST_SPAN and places[-1] - places[0] == len(places) - 1:
        return f"{names[0]}–{names[-1]}"
    return ", ".join(names)


def _days_words(wait: FlowWait) -> str:
    named = ((wait.days, "day"), (wait.hours, "hour"), (wait.minutes, "minute"))
    return " ".join(f"{count:,} {unit}{'' if count == 1 else 's'}" for count, unit in named if count)


def _times(count: str) -> str:
    return "once" if int(count) == 1 else f"{int(count):,} times"


def _part(expression: str) -> ConditionPart:
    for pattern, words in _PATTERNS:
        if (found := pattern.fullmatch(expression)) is not None:
            return ConditionPart(words(found), is_code=False)
    return ConditionPart(expression, is_code=True)


def _conjuncts(expression: str) -> list[str]:
    """Return what `&&` joins at the top of an expression; all of it as one where anything else stands there."""
    parts, depth, begun, quote, at = [], 0, 0, "", 0
    while at < len(expression):
        sign = expression[at]
        if quote:
            at += 1 if sign == "\\" else 0
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif depth == 0 and (sign == "?" or expression.startswith("||", at)):
            return [expression.strip()]
        elif depth == 0 and expression.startswith("&&", at):
            parts.append(expression[begun:at])
            begun = at + 2
        at += 1
    return [part.strip() for part in (*parts, expression[begun:])]
