"""The port for SMS providers: one call for each attempt, never retried, and what callbacks and lists mean."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from services.sender.queue.conclusion import Receipt
from services.sender.receipts.poll_schedule import QueryFailed
from services.sender.reconciliation.decision import ListedMessage
from services.sender.sending.answer_classification import ProviderAnswer
from shared.events.engagement import ReplyClass
from shared.phone import E164

ItemT = TypeVar("ItemT")

CALL_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 3.0
"""Shorter than the whole call, to distinguish a connection that was not made from an answer that did not come."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider supports (send-protocol, section 1)."""

    list_by_recipient: bool = False
    validity_period: bool = False
    sender_is_fixed: bool = True
    """A text is sent from the number that is named; False where the provider picks one of a pool."""
    status_on_request: bool = False
    """The status of texts can be asked for: one by one, and of all that were sent within a time."""
    replies_on_request: bool = False
    """Replies to a number can be listed."""


class OutgoingText(NamedTuple):
    """One text, ready to be sent; exists only in memory."""

    to: E164
    sender_number: str
    body: str
    callback_url: str | None
    validity_seconds: int | None
    """How long the provider may keep trying; None: no limit."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's request to one of our callback addresses."""

    path_and_query: str
    form: Mapping[str, str]
    headers: Mapping[str, str]
    """Only those that sign it, with names in lower case."""


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
    """The provider has answered this text itself."""
    channel: str = "sms"
    """Its channel: `sms`, `rcs`, `whatsapp`, …"""
    provider_says: ReplyClass | None = None
    """The class that the provider's own list of keywords gives it."""


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """A page of an account's list."""

    items: Sequence[ItemT]
    next_page: str | None
    """Names the next page to the provider; None at the end."""


class Provider(Protocol):
    """One merchant's account with a provider."""

    name: str
    """As merchant.yaml calls it; also in callback addresses."""
    kind: str
    capabilities: Capabilities

    async def send(self, text: OutgoingText) -> ProviderAnswer:
        """Send one text, once; never retries, and never raises for what the provider does.

        Returns:
            `Accepted`, `Refused`, `NotSent` when no byte can have reached the provider, `Unknown` when a text may
            exist.

        Source: send-protocol, section 2.
        """
        ...

    async def find(self, to: E164, sender_number: str) -> Sequence[ListedMessage] | None:
        """Return the newest texts to a person, whether sent or still queued; None where the provider does not answer.

        Only those from `sender_number`, or from any number of the account where the sender is not fixed.
        """
        ...

    async def status_of(self, provider_message_id: str) -> Receipt | QueryFailed | None:
        """Return the current status of one text; None where the provider knows none by this id."""
        ...

    async def statuses_between(self, since: datetime, until: datetime, page: str | None) -> Page[Receipt] | QueryFailed:
        """Return a page of the account's texts that were sent within a time, with their statuses.

        `page` is the `next_page` of the page before; None for the first.
        """
        ...

    async def replies_to(self, sender_number: str, since: datetime, page: str | None) -> Page[Callback] | QueryFailed:
        """Return a page of the replies to one of our numbers since an instant, the newest first.

        Each is the callback that would have delivered it.
        """
        ...

    def is_genuine(self, callback: Callback) -> bool:
        """Return whether the provider itself made this request."""
        ...

    def receipt(self, callback: Callback) -> Receipt | None:
        """Return the receipt that a status callback carries; None where it names no text."""
        ...

    def inbound(self, callback: Callback, *, provider_answers: bool) -> Inbound | None:
        """Return the reply that a callback carries; None where it lacks the sender, the recipient or an id.

        `provider_answers`: the number is configured to let the provider answer keywords.
        """
        ...

    def readdressed(self, callback: Callback, sender: E164, sender_number: str, reply_id: str) -> Callback:
        """Return a reply's callback with this person as its sender and this number of ours as its recipient.

        `reply_id` is its id where the provider gave none.
        """
        ...

    def is_ours(self, callback: Callback, numbers: Collection[str], *, is_reply: bool) -> bool:
        """Return whether a callback is about one of these numbers, or about a sender of the account without a number.

        `is_reply`: our number is the recipient, and not the sender.
        """
        ...

    def redacted(self, callback: Callback) -> dict[str, str]:
        """Return the callback's fields without the person's number, to be stored."""
        ...

    async def warm_up(self) -> None:
        """Load what the first call would otherwise have to wait for."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
