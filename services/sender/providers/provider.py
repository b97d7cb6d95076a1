"""The law of a provider: one call, never retried, read once; and what its callbacks mean."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from services.sender.queue.conclusion import Receipt
from services.sender.receipts.poll_schedule import QueryFailed
from services.sender.reconciliation.decision import ListedMessage
from services.sender.sending.answer_classification import ProviderAnswer
from shared.events.engagement import ReplyClass
from shared.phone import E164

CALL_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 3.0
"""Shorter than the whole call, so that a connection that was never made is told from an answer that never came."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do for us (send-protocol, section 1)."""

    idempotency_ttl: timedelta | None = None
    client_reference_searchable: bool = False
    list_by_recipient: bool = False
    schedule_cancel: bool = False
    validity_period: bool = False
    callback_per_message: bool = False
    sender_is_fixed: bool = True
    """A text leaves from the number we name; False where the provider picks one of a pool."""
    status_on_request: bool = False
    """What became of a text can be asked for: one by one, and for all that were sent within a time."""
    replies_on_request: bool = False
    """What people wrote to a number can be listed."""


class OutgoingText(NamedTuple):
    """One text, ready to be handed over; exists only in memory."""

    to: E164
    sender_number: str
    body: str
    callback_url: str | None
    validity_seconds: int | None
    """How long the provider may keep trying; None: as long as it likes."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A request to one of our provider doors, as it came."""

    path_and_query: str
    form: Mapping[str, str]
    headers: Mapping[str, str]
    """Those that sign it, their names in lower case."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a person wrote back; exists only in memory."""

    provider_message_id: str
    sender: str
    """The person's number as the provider writes it, its channel taken off."""
    sender_number: str
    """Ours."""
    text: str
    provider_answered: bool
    """The provider has answered this very text by itself."""
    channel: str = "sms"
    """How it came: `sms`, `rcs`, `whatsapp`, …"""
    provider_says: ReplyClass | None = None
    """What the provider took the text for, by its own list of keywords."""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """A part of an account's list of texts: what the provider says of each."""

    receipts: Sequence[Receipt]
    next_page: str | None
    """Names the part after it, to the provider; None at the end."""


@dataclass(frozen=True, slots=True)
class RepliesPage:
    """A part of the list of replies to a number, as the provider would have brought them; the newest first."""

    replies: Sequence[Callback]
    next_page: str | None


class Provider(Protocol):
    """One merchant's account with a provider."""

    name: str
    """As merchant.yaml calls it; also in callback addresses."""
    kind: str
    capabilities: Capabilities

    async def send(self, text: OutgoingText) -> ProviderAnswer:
        """Hand one text over, once; never retries, never raises for what the other side does.

        Returns:
            `Accepted`, `Refused`, `NotSent` when no byte can have reached the provider, `Unknown` when a text may
            exist.

        Source: send-protocol, section 2.
        """
        ...

    async def find(self, to: E164, sender_number: str) -> Sequence[ListedMessage] | None:
        """Return the newest texts to a person, whether sent or still queued; None when the provider did not say.

        Those from `sender_number` alone, or from any number of the account where the sender is not fixed.
        """
        ...

    async def status_of(self, provider_message_id: str) -> Receipt | QueryFailed | None:
        """Return what the provider says of one text now; None where it knows none by this id."""
        ...

    async def statuses_between(self, since: datetime, until: datetime, page: str | None) -> StatusPage | QueryFailed:
        """Return what the provider says of the account's texts that it sent within a time, a page of them.

        Args:
            since: not before.
            until: not after.
            page: the page's name, from the page before it; None for the first.
        """
        ...

    async def replies_to(self, sender_number: str, since: datetime, page: str | None) -> RepliesPage | QueryFailed:
        """Return what people wrote to one of our numbers since an instant, a page of it."""
        ...

    def is_genuine(self, callback: Callback) -> bool:
        """Return whether the provider itself made this request."""
        ...

    def receipt(self, callback: Callback) -> Receipt | None:
        """Return what a status callback says; None where it names no text."""
        ...

    def inbound(self, callback: Callback, *, provider_answers: bool) -> Inbound | None:
        """Return what a person wrote; None where the request does not say who wrote, to whom, or which text it is.

        Args:
            callback: the request.
            provider_answers: whether the number is set so that the provider answers keywords.
        """
        ...

    def readdressed(self, callback: Callback, sender: E164, sender_number: str, reply_id: str) -> Callback:
        """Return a reply's request as it would be from this person to this number of ours.

        Args:
            callback: the request, as it was kept.
            sender: who wrote, as somebody found out.
            sender_number: ours.
            reply_id: the id it has where the provider gave none.
        """
        ...

    def is_ours(self, callback: Callback, numbers: Collection[str], *, is_reply: bool) -> bool:
        """Return whether a callback is about one of these numbers, or about what we may send through without a number.

        Args:
            callback: the request.
            numbers: those that the merchant's file gives this provider.
            is_reply: whether our number is the one written to, or the one that wrote.
        """
        ...

    def redacted(self, callback: Callback) -> dict[str, str]:
        """Return the callback's fields without the person's number, to be kept."""
        ...

    async def warm_up(self) -> None:
        """Load what the first call would otherwise wait for."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
