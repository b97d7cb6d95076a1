"""A conversation: a person who has written, and how much somebody should look at it. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from shared.events.engagement import ReplyClass
from shared.ids import MerchantId, RecipientId


class ConversationState(StrEnum):
    """How much somebody should look at a conversation; later ones stand first in the inbox."""

    CLOSED = "closed"
    READ = "read"
    UNREAD = "unread"
    NEEDS_REVIEW = "needs_review"
    """A reply may be an opt-out; marketing to the person is held until somebody decides."""


ANSWERED_BY_ITSELF: Final = frozenset({ReplyClass.OPT_OUT, ReplyClass.OPT_IN, ReplyClass.HELP})
"""Replies that the system acts on and answers: nobody has to."""


class IncomingReply(NamedTuple):
    """What a conversation takes from a reply."""

    reply_id: UUID
    message_id: str
    """The provider's id of it."""
    at: datetime
    reply_class: ReplyClass
    needs_review: bool
    contact: bytes
    """The person's number, sealed."""


class Conversation(NamedTuple):
    """One person's conversation with a merchant; it begins with their first reply."""

    recipient_id: RecipientId
    merchant_id: MerchantId
    state: ConversationState
    unread: int
    newest_at: datetime
    newest_reply_id: UUID
    newest_message_id: str
    contact: bytes | None
    """The person's number, sealed; None where it is no longer kept."""
    assigned_to: bytes | None = None
    """Who handles it, sealed."""
    assignee_key: bytes | None = None
    """A keyed hash of who handles it."""


def after_reply(
    before: Conversation | None, recipient: RecipientId, merchant: MerchantId, reply: IncomingReply
) -> Conversation:
    """Return the conversation after a reply; one that nobody has to answer is listed and makes nothing unread."""
    state = before.state if before else ConversationState.CLOSED
    unread = before.unread if before else 0
    if reply.needs_review or reply.reply_class not in ANSWERED_BY_ITSELF:
        unread += 1
        if reply.needs_review:
            state = ConversationState.NEEDS_REVIEW
        elif state is not ConversationState.NEEDS_REVIEW:
            state = ConversationState.UNREAD
    return Conversation(
        recipient,
        merchant,
        state,
        unread,
        reply.at,
        reply.reply_id,
        reply.message_id,
        reply.contact,
        before.assigned_to if before else None,
        before.assignee_key if before else None,
    )


def after_reading(before: Conversation) -> Conversation:
    """Return the conversation after somebody read all of it; a decision that is wanted is still wanted."""
    state = ConversationState.READ if before.state is ConversationState.UNREAD else before.state
    return before._replace(state=state, unread=0)


def after_closing(before: Conversation) -> Conversation:
    """Return the conversation after somebody put it away; the next reply opens it again."""
    return before._replace(state=ConversationState.CLOSED, unread=0)


def after_decision(before: Conversation) -> Conversation:
    """Return the conversation once it is decided whether the person opted out."""
    if before.state is not ConversationState.NEEDS_REVIEW:
        return before
    return before._replace(state=ConversationState.UNREAD if before.unread else ConversationState.READ)
