"""The delivery plan of a text, decided once when it is accepted and stored with it."""

import json
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from services.simulator.faults import FaultKind, FaultRule
from services.simulator.texts import TextStatus, TransitLeg

DEFAULT_ERROR_CODE: Final = 30008  # "unknown error": a carrier that gives no reason
EXPIRED_ERROR_CODE: Final = 30036
_GAP_MS: Final = 20  # between announcements that were reordered


Announcements: TypeAlias = Sequence[tuple[TextStatus, ...]]
"""For each step of a plan, the statuses that are announced."""


def outbound_plan(
    *,
    latency_ms: int,
    announced: Sequence[TextStatus],
    outcome: FaultRule | None = None,
    receipts: FaultRule | None = None,
) -> tuple[TransitLeg, ...]:
    """Return queued, sent, delivered, changed by the faults drawn for this text.

    Args:
        latency_ms: real time from accepted to the final status.
        announced: statuses a callback is wanted for; empty for a text without a callback URL. A failure is
            announced wherever a delivery would be.
        outcome: makes the text end undelivered or failed.
        receipts: loses, repeats or reorders the callbacks.
    """
    half = latency_ms // 2
    steps = [
        TransitLeg(0, TextStatus.QUEUED),
        TransitLeg(half, TextStatus.SENT),
        TransitLeg(latency_ms - half, TextStatus.DELIVERED),
    ]
    if outcome is not None and outcome.kind is FaultKind.UNDELIVERED:
        steps[-1] = TransitLeg(latency_ms - half, TextStatus.UNDELIVERED, outcome.code or DEFAULT_ERROR_CODE)
    elif outcome is not None:
        steps[1:] = [TransitLeg(half, TextStatus.FAILED, outcome.code or DEFAULT_ERROR_CODE)]
    wanted = set(announced) | (
        {TextStatus.UNDELIVERED, TextStatus.FAILED} if TextStatus.DELIVERED in announced else set()
    )
    announcements: Announcements = [(step.status,) if step.status in wanted and step.status else () for step in steps]
    if receipts is None:
        return _with_announcements(steps, announcements)
    return _apply_receipt_fault(steps, announcements, receipts)


def inbound_plan() -> tuple[TransitLeg, ...]:
    """Return the plan of a reply, which has arrived and only has to be announced."""
    return (TransitLeg(0, TextStatus.RECEIVED, None, (TextStatus.RECEIVED,)),)


def expired(plan: tuple[TransitLeg, ...], reached: int) -> tuple[TransitLeg, ...]:
    """Return the plan of a text whose validity period ran out in the queue: it is never sent, `failed` with 30036.

    Source: https://www.twilio.com/docs/api/errors/30036 ("Twilio does not send the message").
    """
    is_announced = any(step.announced for step in plan)
    final = TransitLeg(0, TextStatus.FAILED, EXPIRED_ERROR_CODE, (TextStatus.FAILED,) if is_announced else ())
    return (*plan[: reached + 1], final)


def dump_plan(plan: Sequence[TransitLeg]) -> str:
    """Return the plan as it is stored."""
    return json.dumps([[s.after_ms, s.status, s.error_code, s.announced] for s in plan], separators=(",", ":"))


def load_plan(stored: str) -> tuple[TransitLeg, ...]:
    """Return the plan that `dump_plan` stored."""
    return tuple(
        TransitLeg(
            after_ms, TextStatus(status) if status else None, code, tuple(TextStatus(word) for word in announced)
        )
        for after_ms, status, code, announced in json.loads(stored)
    )


def _apply_receipt_fault(
    steps: list[TransitLeg], announcements: Announcements, rule: FaultRule
) -> tuple[TransitLeg, ...]:
    """Return the steps with the announcements that the rule affects lost, repeated or reversed."""

    def is_affected(status: TextStatus) -> bool:
        return rule.statuses is None or status in rule.statuses

    match rule.kind:
        case FaultKind.RECEIPTS_LOST:
            return _with_announcements(steps, _each(announcements, lambda status: 0 if is_affected(status) else 1))
        case FaultKind.RECEIPTS_REPEATED:
            return _with_announcements(
                steps, _each(announcements, lambda status: rule.times if is_affected(status) else 1)
            )
        case _:
            backwards = [status for announcement in reversed(announcements) for status in announcement]
            silent = _with_announcements(steps, [()] * len(steps))
            return (*silent, *(TransitLeg(_GAP_MS, None, None, (status,)) for status in backwards))


def _each(announcements: Announcements, times: Callable[[TextStatus], int]) -> Announcements:
    """Return the announcements, each repeated as `times` returns for it."""
    return [tuple(status for status in group for _ in range(times(status))) for group in announcements]


def _with_announcements(steps: Sequence[TransitLeg], announcements: Announcements) -> tuple[TransitLeg, ...]:
    """Return the steps with these announcements."""
    return tuple(
        TransitLeg(step.after_ms, step.status, step.error_code, group)
        for step, group in zip(steps, announcements, strict=True)
    )
