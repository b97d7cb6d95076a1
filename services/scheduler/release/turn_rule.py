"""Turns within a run: a text waits for an earlier one of its run that is about to go, so that both arrive in order.

The wait is short by nature: the gate and the sender answer within seconds, and an earlier text that was put off for
longer than `SOON` is waited for no more, since a late word about an order is worse than two words in another order.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from shared.vocabulary.follow_up_states import FollowUpState

SOON = timedelta(minutes=2)
"""An earlier text that will be asked about again by then is waited for; consents of the same checkout take 60 s."""
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=1)
_PATIENCE = 4
"""Each wait is this part of the time already waited: few looks at what takes long, quick ones at what does not."""


class Sibling(Protocol):
    """Another text of the same run."""

    @property
    def state(self) -> FollowUpState:
        """Where it stands."""
        ...

    @property
    def first_due_at(self) -> datetime:
        """When it was planned for."""
        ...

    @property
    def due_at(self) -> datetime:
        """When it was to go at last."""
        ...


def waits_until(
    first_due_at: datetime, due_at: datetime, siblings: Iterable[Sibling], now: datetime
) -> datetime | None:
    """Return when a due text wants to be looked at again, or None where it is its turn.

    `first_due_at` is when it was planned for, `due_at` when it was to go at last.
    """
    before = [each for each in siblings if each.first_due_at < first_due_at and _is_about_to_go(each, now)]
    if not before:
        return None
    return max(look_again_at(due_at, now), *(each.due_at for each in before))


def look_again_at(due_at: datetime, now: datetime) -> datetime:
    """Return when to look again at a text that waits for another's outcome."""
    return now + min(max((now - due_at) / _PATIENCE, _SHORTEST), _LONGEST)


def _is_about_to_go(text: Sibling, now: datetime) -> bool:
    return text.state is FollowUpState.RELEASED or (text.state is FollowUpState.PENDING and text.due_at <= now + SOON)
