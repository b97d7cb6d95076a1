"""Whether one day of a merchant's ledger is in order, as `followup ledger verify` judges it. Pure.

Each entry must follow from its person's entry before it, the newest of a person must be where their chain ends, and the
day's signed root must name the day's newest hashes and the root before. All days in order make the whole in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson

from services.compliance.ledger.verification import is_signed
from shared.chain import GENESIS, chained, daily_root
from shared.unix_time import microseconds

_MOST_NAMED = 5
"""Problems of one day that are listed; the rest is counted."""


class DayState(StrEnum):
    """How a day stands."""

    IN_ORDER = "in_order"
    NOT_SIGNED = "not_signed_yet"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class DayEntry:
    """An entry of the day, and what stands around it in its person's chain."""

    recipient_id: str
    position: int
    canonical: bytes
    hash: str
    recorded_at: datetime
    before: str | None
    """The hash of the person's entry before; None if there is none."""
    is_newest: bool
    chain_end: str | None
    """The hash that the person's chain must end with; None if nothing is known of the person."""


@dataclass(frozen=True, slots=True)
class DayRoot:
    """The day's signed root, and that of the merchant's last day before with one."""

    root: str
    public_key: str
    signature: str
    before: str


@dataclass(frozen=True, slots=True)
class DayCheck:
    """What is found of a day; `problems` is empty unless it is broken."""

    state: DayState
    entries: int
    problems: Sequence[str]


def checked(
    merchant: str, day: str, entries: Sequence[DayEntry], root: DayRoot | None, *, must_be_signed: bool
) -> DayCheck:
    """Return how a day stands.

    Args:
        merchant: whose ledger.
        day: in UTC, such as 2026-12-01.
        entries: all of the day, of each person the oldest first.
        root: None if the day has none.
        must_be_signed: a later day has a root, so this one needs one too.
    """
    problems = [problem for entry in entries if (problem := _problem(merchant, entry))]
    if root is not None:
        heads = {entry.recipient_id: entry.hash for entry in entries}
        if daily_root(merchant, day, root.before, heads) != root.root:
            problems.append("the signed root is not that of the day's entries and of the root before")
        if not is_signed(root.root, root.signature, root.public_key):
            problems.append("the root is not signed by the key it names")
    elif must_be_signed and entries:
        problems.append("there are entries, and no root that covers them")
    if problems:
        more = len(problems) - _MOST_NAMED
        named = [*problems[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
        return DayCheck(DayState.BROKEN, len(entries), named)
    return DayCheck(DayState.IN_ORDER if root is not None else DayState.NOT_SIGNED, len(entries), ())


def _problem(merchant: str, entry: DayEntry) -> str | None:
    """Return what is wrong with an entry, or None."""
    stated: tuple[object, ...] = ()
    try:
        said = orjson.loads(entry.canonical)
        stated = (said["recipient_id"], said["merchant_id"], said["recorded_at"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        pass
    before = GENESIS if entry.position == 0 else entry.before
    follows = before is not None and chained(before, entry.canonical) == entry.hash
    if not follows or stated != (entry.recipient_id, merchant, microseconds(entry.recorded_at)):
        return f"person {entry.recipient_id}: entry {entry.position} does not follow from the one before"
    if entry.is_newest and entry.hash != entry.chain_end:
        return f"person {entry.recipient_id}: the chain does not end where the ledger says"
    return None
