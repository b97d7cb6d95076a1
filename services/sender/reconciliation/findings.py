"""What a listing says about an unanswered call: it went, it never went, or ask again (send-protocol 1.7)."""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from services.sender.providers.reactions import CodeMeaning
from services.sender.receipts.status_lattice import ProviderStatus

FIRST_LOOK: Final = timedelta(seconds=5)
"""How soon an unknown is asked after for the first time: a listing that has it ends the matter early."""
REAPED_AFTER: Final = timedelta(seconds=30)
"""An intent this long past its deadline is unknown."""
ABSENCE_COUNTS_AFTER: Final = timedelta(seconds=120)
"""Before deadline + this, an empty answer proves nothing: the provider may still be writing."""
BETWEEN_ABSENCES: Final = timedelta(minutes=5)
SKEW: Final = timedelta(minutes=5)
"""How far the provider's clock may be from ours (providers section 7)."""
ASK_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An unknown attempt, and what was learnt of it so far."""

    sender_number: str
    body_sha256: bytes
    """Its mark. Empty where the text is not known: any text fits then."""
    intent_at: datetime
    deadline: datetime
    absent_at: datetime | None
    """When the first empty answer that counts was given."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A text the provider says it took."""

    provider_message_id: str
    sender_number: str
    body_sha256: bytes
    """Of the text alone."""
    created_at: datetime
    status: ProviderStatus = ProviderStatus.ACCEPTED
    code: str | None = None
    meaning: CodeMeaning | None = None
    """What the code means; set where there is one."""
    mark: bytes = b""
    """As attempts to this person keep the hash; empty where there is no key of theirs."""

    def under(self, text_key: bytes | None) -> "Listed":
        """Return it with the mark a person's attempts know its text by."""
        return replace(self, mark=text_mark(text_key, self.body_sha256))


@dataclass(frozen=True, slots=True)
class Adopt:
    """This is ours: it was accepted."""

    listed: Listed


@dataclass(frozen=True, slots=True)
class AbsentOnce:
    """The first empty answer that counts; the second is asked for at `look_at`."""

    look_at: datetime


@dataclass(frozen=True, slots=True)
class ProvenAbsent:
    """Two empty answers far enough apart: it does not exist."""


@dataclass(frozen=True, slots=True)
class LookLater:
    """Too early, or the provider could not be asked."""

    look_at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Not provable; treated as sent."""


ReconcileFinding: TypeAlias = Adopt | AbsentOnce | ProvenAbsent | LookLater | GiveUp


def body_sha256(body: str) -> bytes:
    """Return the hash of a text; it is kept as a person's mark alone."""
    return hashlib.sha256(body.encode()).digest()


def text_mark(text_key: bytes | None, hashed: bytes) -> bytes:
    """Return what is kept of a text's hash: without the person's key nobody tells by it which text it was."""
    return hashed if text_key is None else hmac.new(text_key, hashed, hashlib.sha256).digest()


def decide(
    unresolved: Unresolved,
    listing: Sequence[Listed] | None,
    known_ids: Collection[str],
    now: datetime,
    horizon: timedelta,
    *,
    rivals: Sequence[Unresolved] = (),
    sender_is_fixed: bool = True,
) -> ReconcileFinding:
    """Judge one unknown attempt.

    Args:
        unresolved: the attempt.
        listing: what the provider lists for the person; None when it could not be asked.
        known_ids: provider ids that any other attempt to this person holds: never adopted, whatever the words.
        now: the time the listing was asked for, not when it came.
        horizon: how long after the deadline we go on asking.
        rivals: the person's other attempts without a conclusion, calls under way among them. A listed text that fits
            one of them as well may be its own.
        sender_is_fixed: whether a text leaves from the number we named. Where the provider picks one of a pool, the
            number is no sign, and a text that is not listed may still exist.
    """
    free = [listed for listed in listing or () if listed.provider_message_id not in known_ids]
    fitting = sorted(
        (listed for listed in free if _fits(unresolved, listed, sender_is_fixed=sender_is_fixed)),
        key=lambda each: (each.created_at, each.provider_message_id),
    )
    claimants = [
        rival for rival in rivals if any(_fits(rival, listed, sender_is_fixed=sender_is_fixed) for listed in fitting)
    ]
    if fitting and len(fitting) > len(claimants):
        # As many texts as attempts that may own them, in the order they were made.
        place = sum(rival.intent_at < unresolved.intent_at for rival in claimants)
        return Adopt(fitting[place])
    if listing is None or fitting or not sender_is_fixed:
        return GiveUp() if now >= unresolved.deadline + horizon else LookLater(now + ASK_AGAIN)
    counts_from = unresolved.deadline + ABSENCE_COUNTS_AFTER
    if now < counts_from:
        return LookLater(counts_from)
    if unresolved.absent_at is None:
        return AbsentOnce(now + BETWEEN_ABSENCES)
    second_at = unresolved.absent_at + BETWEEN_ABSENCES
    return ProvenAbsent() if now >= second_at else LookLater(second_at)


def _fits(unresolved: Unresolved, listed: Listed, *, sender_is_fixed: bool) -> bool:
    return (
        unresolved.body_sha256 in {b"", listed.body_sha256, listed.mark}  # an old attempt keeps the hash itself
        and (listed.sender_number == unresolved.sender_number or not sender_is_fixed)
        and unresolved.intent_at - SKEW <= listed.created_at <= unresolved.deadline + SKEW
    )
