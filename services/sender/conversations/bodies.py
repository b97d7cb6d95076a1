"""Requests and answers of the inbox."""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.sender.conversations.conversation import ConversationState
from services.sender.conversations.inbox import (
    ConversationThread,
    OpenConversation,
    OpenReply,
    OpenText,
)
from services.sender.conversations.store import InboxPlace, ThreadPlace
from shared.config.model import Flag
from shared.http.problems import unprocessable
from shared.unix_time import instant, microseconds

_ID_BYTES: Final = 16
_AT_BYTES: Final = 8


Assignee = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""Who handles a conversation."""


class InboxFilter(StrEnum):
    """Which conversations are listed."""

    OPEN = "open"
    """All that nobody has closed."""
    NEEDS_REVIEW = "needs_review"
    UNREAD = "unread"
    READ = "read"
    CLOSED = "closed"
    ALL = "all"


class SeenBody(BaseModel):
    """What the caller has read."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"seen": "018c0000-0000-7000-8000-0000000000d1"}]}
    )

    seen: UUID | None = Field(
        None,
        description="The newest reply you have read; answered with 409 `newer_reply` where another has come since.",
    )


class AssigneeBody(BaseModel):
    """Who handles a conversation."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"who": "maria"}]},
    )

    who: Assignee | None = Field(description="A name or id of yours; null: nobody in particular.")


class ReviewBody(SeenBody):
    """What somebody read in an unclear reply."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"was_opt_out": True, "seen": "018c0000-0000-7000-8000-0000000000d1"}]}
    )

    was_opt_out: Flag = Field(
        description="True: the person does not want these texts, and that counts as their own opt-out. "
        "False: they said something else, and marketing to them goes on."
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = Field(
        None, description="Why, in your words; for the audit log."
    )


class ConversationView(BaseModel):
    """A person who has written to the merchant."""

    recipient_id: UUID
    to: str | None = Field(
        description="Their number, masked for keys without `recipients:reveal`; null where it is no longer kept."
    )
    state: ConversationState
    unread: int
    newest_at: datetime
    newest_reply_id: UUID
    newest_class: str | None
    newest_text: str | None = Field(
        description="Their newest reply; `…` for keys without `messages:read`, null where it is no longer kept."
    )
    assigned_to: str | None


class InboxPage(BaseModel):
    """What needs a decision first, then what is unread, then the rest; the newest first."""

    conversations: list[ConversationView]
    next_cursor: str | None


class InboxCounts(BaseModel):
    """How much waits for somebody; 100 stands for 100 and more."""

    needs_review: int
    unread: int


class ReviewView(BaseModel):
    """What somebody decided about a reply."""

    was_opt_out: bool
    at: datetime
    by: str


class ReplyView(BaseModel):
    """A reply of the person."""

    kind: Literal["reply"] = "reply"
    reply_id: UUID
    at: datetime
    text: str | None = Field(description="`…` for keys without `messages:read`; null where it is no longer kept.")
    reply_class: str
    needs_review: bool = Field(description="It may have been an opt-out, and nobody has decided yet.")
    review: ReviewView | None
    follow_up_id: UUID | None = Field(description="The text it most likely answers.")
    sender_number: str
    channel: str | None


class TextView(BaseModel):
    """A text that a provider was given, or may have been."""

    kind: Literal["text"] = "text"
    follow_up_id: UUID
    at: datetime
    text: str | None = Field(
        description="As it was sent; `…` for keys without `messages:read`, null where it is no longer kept."
    )
    flow: str
    step: str
    purpose: str
    state: str
    reason: str | None
    sender_number: str | None
    parts: int | None


class SendPermissionView(BaseModel):
    """What may not be sent to the person, as the sender obeys it; the ledger's standing is compliance's."""

    suppressed: str | None
    marketing_suppressed: bool
    informational_suppressed: bool
    needs_review: bool


class ThreadView(BaseModel):
    """A conversation and a page of what was written and sent, the newest first."""

    conversation: ConversationView
    permission: SendPermissionView
    items: list[Annotated[ReplyView | TextView, Field(discriminator="kind")]]
    next_cursor: str | None


def conversation_view(found: OpenConversation) -> ConversationView:
    """Return a conversation as the API shows it."""
    stored = found.stored
    return ConversationView(
        **{name: getattr(stored, name) for name in ("recipient_id", "state", "unread", "newest_at", "newest_reply_id")},
        to=found.number,
        newest_class=found.newest_class,
        newest_text=found.newest_text,
        assigned_to=found.assigned_to,
    )


def thread_view(found: ConversationThread) -> ThreadView:
    """Return a thread as the API shows it."""
    permission = found.person.permission
    held = permission.needs_review
    return ThreadView(
        conversation=conversation_view(found.conversation),
        permission=SendPermissionView(**{name: getattr(permission, name) for name in SendPermissionView.model_fields}),
        items=[_reply(item, held=held) if isinstance(item, OpenReply) else _text(item) for item in found.items],
        next_cursor=None if found.next_place is None else thread_cursor(found.next_place),
    )


def _reply(item: OpenReply, *, held: bool) -> ReplyView:
    row = item.row
    decided = row["reviewed_at"] is not None
    review = (
        ReviewView(was_opt_out=row["was_opt_out"], at=row["reviewed_at"], by=row["reviewed_by"]) if decided else None
    )
    own = {name: row[name] for name in ("reply_id", "reply_class", "follow_up_id", "sender_number", "channel")}
    needs_review = held and row["needs_review"] and not decided
    return ReplyView(**own, at=item.at, text=item.text, needs_review=needs_review, review=review)


def _text(item: OpenText) -> TextView:
    row = item.row
    names = ("follow_up_id", "flow", "step", "purpose", "state", "reason", "sender_number")
    own = {name: row[name] for name in names}
    return TextView(**own, at=item.at, text=item.text, parts=item.call["parts"] if item.call else None)


def inbox_cursor(place: InboxPlace) -> str:
    """Return the cursor of the page behind a place."""
    return _encoded(bytes([place.rank]) + _bytes(place.newest_at, place.recipient_id))


def inbox_place(cursor: str) -> InboxPlace:
    """Return where the page of a cursor begins.

    Raises:
        HTTPProblem: 422, no such page was ever named.
    """
    raw = _decoded(cursor, 1 + _AT_BYTES + _ID_BYTES)
    return InboxPlace(raw[0], *_place(raw[1:]))


def thread_cursor(place: ThreadPlace) -> str:
    """Return the cursor of the page behind a place."""
    return _encoded(_bytes(*place))


def thread_place(cursor: str) -> ThreadPlace:
    """Return where the page of a cursor begins.

    Raises:
        HTTPProblem: 422, no such page was ever named.
    """
    return ThreadPlace(*_place(_decoded(cursor, _AT_BYTES + _ID_BYTES)))


def _bytes(at: datetime, key: UUID) -> bytes:
    return microseconds(at).to_bytes(_AT_BYTES, "big") + key.bytes


def _encoded(place: bytes) -> str:
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def _decoded(cursor: str, length: int) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != length:
        raise unprocessable("cursor", "not a cursor that this list returned")
    return raw


def _place(raw: bytes) -> tuple[datetime, UUID]:
    try:
        return instant(int.from_bytes(raw[:_AT_BYTES], "big")), UUID(bytes=raw[_AT_BYTES:])
    except OverflowError:
        raise unprocessable("cursor", "not a cursor that this list returned") from None
