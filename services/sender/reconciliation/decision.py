"""What a provider's listing proves about a call without an answer: sent, not sent, or ask again (send-protocol 1.7)."""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from services.sender.providers.reactions import CodeMeaning
from services.sender.queue.dispatches import Attempt
from services.sender.receipts.status_lattice import ProviderStatus

FIRST_LOOK: Final = timedelta(seconds=5)
"""How soon an unknown call is first looked up: a listing that has its text concludes it early."""
OVERDUE_AFTER: Final = timedelta(seconds=30)
"""An intent this long past its deadline is unknown."""
ABSENCE_COUNTS_AFTER: Final = timedelta(seconds=120)
"""Before deadline + this, an empty answer proves nothing: the provider may still be writing."""
BETWEEN_ABSENCES: Final = timedelta(minutes=5)
SKEW: Final = timedelta(minutes=5)
"""How far the provider's clock may be from ours (providers section 7)."""
ASK_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A text that the provider lists as accepted."""

    provider_message_id: str
    sender_number: str
    body_sha256: bytes
    """Of the text, without a key."""
    created_at: datetime
    status: ProviderStatus = ProviderStatus.ACCEPTED
    code: str | None = None
    meaning: CodeMeaning | None = None
    """What the code means; set where there is one."""
    keyed_sha256: bytes = b""
    """As attempts to this person store the hash; empty where the person has no key."""

    def keyed_with(self, text_key: bytes | None) -> "ListedMessage":
        """Return the message with the hash that attempts to the person store."""
        return replace(self, keyed_sha256=keyed_body_hash(text_key, self.body_sha256))


@dataclass(frozen=True, slots=True)
class Adopt:
    """The listed text is this attempt's: it was accepted."""

    listed: ListedMessage


@dataclass(frozen=True, slots=True)
class AbsentOnce:
    """The first listing without the text that counts; the second is asked for at `look_at`."""

    look_at: datetime


@dataclass(frozen=True, slots=True)
class ProvenAbsent:
    """Two listings without the text, far enough apart: it does not exist."""


@dataclass(frozen=True, slots=True)
class LookLater:
    """It is too early, or the provider could not be asked."""

    look_at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing can be proven any more; treated as sent."""


ReconcileFinding: TypeAlias = Adopt | AbsentOnce | ProvenAbsent | LookLater | GiveUp


def body_sha256(body: str) -> bytes:
    """Return the hash of a text; only its keyed form is stored."""
    return hashlib.sha256(body.encode()).digest()


def keyed_body_hash(text_key: bytes | None, hashed: bytes) -> bytes:
    """Return a text's hash as it is stored: without the person's key, it does not reveal which text it was."""
    return hashed if text_key is None else hmac.new(text_key, hashed, hashlib.sha256).digest()


def decide(
    attempt: Attempt,
    listing: Sequence[ListedMessage] | None,
    known_ids: Collection[str],
    now: datetime,
    horizon: timedelta,
    *,
    absent_at: datetime | None = None,
    rivals: Sequence[Attempt] = (),
    sender_is_fixed: bool = True,
) -> ReconcileFinding:
    """Judge one unknown attempt.

    Args:
        attempt: without an answer. An empty hash means that its text is not known: then any text fits.
        listing: what the provider lists for the person; None when it could not be asked.
        known_ids: provider ids that any other attempt to this person holds: never adopted, whatever the words.
        now: the time the listing was asked for, not when it came.
        horizon: how long after the deadline we go on asking.
        absent_at: when the provider first listed no such text, after absence counts; None: not yet.
        rivals: the person's other attempts without a conclusion; a listed text that fits one as well may be its own.
        sender_is_fixed: whether a text leaves from the number we named. Where the provider picks one of a pool, the
            number is no sign, and a text that is not listed may still exist.
    """
    free = [listed for listed in listing or () if listed.provider_message_id not in known_ids]
    fitting = sorted(
        (listed for listed in free if _fits(attempt, listed, sender_is_fixed=sender_is_fixed)),
        key=lambda each: (each.created_at, each.provider_message_id),
    )
    claimants = [
        rival for rival in rivals if any(_fits(rival, listed, sender_is_fixed=sender_is_fixed) for listed in fitting)
    ]
    if fitting and len(fitting) > len(claimants):
        # As many texts as attempts that may own them: assigned in the order in which they were made.
        place = sum(rival.intent_at < attempt.intent_at for rival in claimants)
        return Adopt(fitting[place])
    if listing is None or fitting or not sender_is_fixed:
        return GiveUp() if now >= attempt.deadline + horizon else LookLater(now + ASK_AGAIN)
    counts_from = attempt.deadline + ABSENCE_COUNTS_AFTER
    if now < counts_from:
        return LookLater(counts_from)
    if absent_at is None:
        return AbsentOnce(now + BETWEEN_ABSENCES)
    second_at = absent_at + BETWEEN_ABSENCES
    return ProvenAbsent() if now >= second_at else LookLater(second_at)


def _fits(attempt: Attempt, listed: ListedMessage, *, sender_is_fixed: bool) -> bool:
    return (
        attempt.body_sha256
        in {b"", listed.body_sha256, listed.keyed_sha256}  # attempts of earlier versions store the hash itself
        and (listed.sender_number == attempt.sender_number or not sender_is_fixed)
        and attempt.intent_at - SKEW <= listed.created_at <= attempt.deadline + SKEW
    )
