"""Turns within a run: a text waits for an earlier one of its run that is about to go, so that both arrive in order.

The wait is short by nature: the gate and the sender answer within seconds, and an earlier text that was put off for
longer than `SOON` is waited for no more, since a late word about an order is worse than two words in another order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.scheduler.domain.states import State

SOON = timedelta(minutes=2)
"""An earlier text that will be asked about again by then is waited for; consents of the same checkout take 60 s."""
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=1)
_PATIENCE = 4
"""Each wait is this part of the time already waited: few looks at what takes long, quick ones at what does not."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another text of the same run."""

    state: State
    first_due_at: datetime
    due_at: datetime


def waits_until(
    first_due_at: datetime, due_at: datetime, siblings: Iterable[Sibling], now: datetime
) -> datetime | None:
    """Return when a due text wants to be looked at again, or None where it is its turn.

    `first_due_at` is when it was planned for, `due_at` when it was to go at last.
    """
    before = [each for each in siblings if each.first_due_at < first_due_at and _is_about_to_go(each, now)]
    if not before:
        return None
    pause = min(max((now - due_at) / _PATIENCE, _SHORTEST), _LONGEST)
    return max(now + pause, *(each.due_at for each in before))


def _is_about_to_go(text: Sibling, now: datetime) -> bool:
    return text.state is State.RELEASED or (text.state is State.PENDING and text.due_at <= now + SOON)
