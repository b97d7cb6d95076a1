"""The delivery plan of a text, decided once when it is accepted and stored with it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.simulator.faults import FaultKind, FaultRule
from services.simulator.texts import TextStatus, TransitLeg

DEFAULT_ERROR_CODE: Final = 30008  # "unknown error": a carrier that gives no reason
EXPIRED_ERROR_CODE: Final = 30036
_GAP_MS: Final = 20  # between announcements that were reordered


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
    wanted = set(announced)
    if TextStatus.DELIVERED in wanted:
        wanted |= {TextStatus.UNDELIVERED, TextStatus.FAILED}

    def leg(after_ms: int, status: TextStatus, error_code: int | None = None) -> TransitLeg:
        times = 1 if receipts is None else _times(receipts, status)
        return TransitLeg(after_ms, status, error_code, (status,) * times if status in wanted else ())

    half = latency_ms // 2
    plan = [leg(0, TextStatus.QUEUED), leg(half, TextStatus.SENT)]
    if outcome is None:
        plan.append(leg(latency_ms - half, TextStatus.DELIVERED))
    elif outcome.kind is FaultKind.UNDELIVERED:
        plan.append(leg(latency_ms - half, TextStatus.UNDELIVERED, outcome.code or DEFAULT_ERROR_CODE))
    else:
        plan[-1] = leg(half, TextStatus.FAILED, outcome.code or DEFAULT_ERROR_CODE)
    if receipts is not None and receipts.kind is FaultKind.RECEIPTS_DISORDERED:
        backwards = [status for step in reversed(plan) for status in step.announced]
        plan = [replace(step, announced=()) for step in plan]
        plan += [TransitLeg(_GAP_MS, announced=(status,)) for status in backwards]
    return tuple(plan)


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


def _times(receipts: FaultRule, status: TextStatus) -> int:
    """Return how often the receipt of a status is sent: never where it is lost, several times where it is repeated."""
    if receipts.statuses is not None and status not in receipts.statuses:
        return 1
    return {FaultKind.RECEIPTS_LOST: 0, FaultKind.RECEIPTS_REPEATED: receipts.times}.get(receipts.kind, 1)
