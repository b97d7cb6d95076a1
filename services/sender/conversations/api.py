"""HTTP routes of the inbox: what people wrote and were sent, and what somebody does about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.sender.conversations import store
from services.sender.conversations.bodies import (
    Assignee,
    AssigneeBody,
    ConversationView,
    InboxCounts,
    InboxFilter,
    InboxPage,
    ReviewBody,
    SeenBody,
    ThreadView,
    conversation_view,
    inbox_cursor,
    inbox_place,
    thread_place,
    thread_view,
)
from services.sender.conversations.conversation import ConversationState
from services.sender.conversations.inbox import MOST_LISTED, Inbox, OpenConversation, Reveal
from services.sender.conversations.review import Decision, ReplyReviews
from services.sender.instruments import CLEAR_ANSWERS
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.strict_json import StrictRoute
from shared.ids import RecipientId

_PATH: Final = "/v1/conversations"
_RANGES: Final = {
    InboxFilter.OPEN: (ConversationState.READ, ConversationState.NEEDS_REVIEW),
    InboxFilter.ALL: (ConversationState.CLOSED, ConversationState.NEEDS_REVIEW),
    **{InboxFilter(state.value): (state, state) for state in ConversationState},
}
"""The lowest and the highest state that a filter lists."""

Reader = Annotated[Caller, Depends(requires("replies:read"))]
Decider = Annotated[Caller, Depends(requires("replies:write"))]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


def create_router(inbox: Inbox, reviews: ReplyReviews) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["inbox"], route_class=StrictRoute)
    endpoints, one = InboxEndpoints(inbox, reviews), f"{_PATH}/{{recipient_id}}"
    router.get(_PATH, summary="List the people who wrote, what needs a decision first")(endpoints.page)
    router.get(f"{_PATH}/counts", summary="Count what waits for somebody")(endpoints.counts)
    router.get(one, summary="Show what a person wrote and was sent")(endpoints.thread)
    router.post(f"{one}/read", summary="Mark a conversation as read")(endpoints.read)
    router.post(f"{one}/assign", summary="Say who handles a conversation")(endpoints.assign)
    router.post(f"{one}/close", summary="Put a conversation away until the person writes again")(endpoints.close)
    router.post(f"{one}/review", summary="Decide whether an unclear reply was an opt-out")(endpoints.review)
    return router


@dataclass(frozen=True, slots=True)
class InboxEndpoints:
    """Answers for the merchant of the caller; what another merchant has is not found."""

    inbox: Inbox
    reviews: ReplyReviews

    async def page(
        self,
        caller: Reader,
        state: InboxFilter = InboxFilter.OPEN,
        assigned_to: Annotated[Assignee | None, Query(description="Only what they handle.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> InboxPage:
        """List conversations: those with a reply that needs a decision, then unread ones, then the rest."""
        lowest, highest = _RANGES[state]
        begin = store.begin_at(highest) if cursor is None else inbox_place(cursor)
        found = await self.inbox.page(caller.merchant.id, lowest, begin, limit + 1, _reveal(caller), assigned_to)
        shown = found[:limit]
        await self._reveal(caller, None, [each.number for each in shown], [each.newest_text for each in shown])
        return InboxPage(
            conversations=[conversation_view(each) for each in shown],
            next_cursor=inbox_cursor(store.place_of(shown[-1].stored)) if len(found) > limit else None,
        )

    async def counts(self, caller: Reader) -> InboxCounts:
        """Count conversations that need a decision or are unread, up to 100 of each."""
        found = await self.inbox.counts(caller.merchant.id)
        return InboxCounts(**{str(state): count for state, count in found.items()})

    async def thread(self, recipient_id: UUID, caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> ThreadView:
        """Show a page of replies and of texts from all flows; it does not mark them as read."""
        before = store.THREAD_BEGIN if cursor is None else thread_place(cursor)
        person = RecipientId(recipient_id)
        found = await self.inbox.thread(caller.merchant.id, person, before, limit, _reveal(caller))
        if found is None:
            raise not_found("the conversation")
        newest = found.conversation
        said = [newest.newest_text, *(item.text for item in found.items)]
        await self._reveal(caller, person, [newest.number], said)
        return thread_view(found)

    async def read(self, recipient_id: UUID, body: SeenBody, caller: Decider) -> ConversationView:
        """Mark a conversation as read, up to the reply that was `seen`."""
        await self.inbox.mark_read(caller.merchant.id, RecipientId(recipient_id), body.seen)
        return await self._now(caller, recipient_id)

    async def assign(self, recipient_id: UUID, body: AssigneeBody, caller: Decider) -> ConversationView:
        """Say who handles a conversation: a name or id of yours."""
        await self.inbox.assign(caller.merchant.id, RecipientId(recipient_id), body.who, caller.actor)
        return await self._now(caller, recipient_id)

    async def close(self, recipient_id: UUID, body: SeenBody, caller: Decider) -> ConversationView:
        """Put a conversation away; one with a reply that needs a decision cannot be."""
        await self.inbox.close(caller.merchant.id, RecipientId(recipient_id), body.seen, caller.actor)
        return await self._now(caller, recipient_id)

    async def review(self, recipient_id: UUID, body: ReviewBody, caller: Decider) -> ConversationView:
        """Decide whether an unclear reply was an opt-out: then it counts as the person's own; else the hold ends.

        A reply that was read as an opt-out cannot be decided otherwise.
        """
        decision = Decision(body.was_opt_out, body.seen, caller.actor, body.reason or None)
        if await self.reviews.decide(caller.merchant, RecipientId(recipient_id), decision) is None:
            raise not_found("the conversation")
        return await self._now(caller, recipient_id)

    async def _now(self, caller: Caller, recipient_id: UUID) -> ConversationView:
        """Return a conversation as it is now."""
        found: OpenConversation | None = await self.inbox.find(
            caller.merchant.id, RecipientId(recipient_id), _reveal(caller)
        )
        if found is None:
            raise not_found("the conversation")
        await self._reveal(caller, RecipientId(recipient_id), [found.number], [found.newest_text])
        return conversation_view(found)

    async def _reveal(
        self,
        caller: Caller,
        recipient: RecipientId | None,
        numbers: Sequence[str | None],
        texts: Sequence[str | None],
    ) -> None:
        """Count what an answer shows in clear, and enter it into the audit log, before it is shown."""
        reveal = _reveal(caller)
        clear = {
            "numbers": sum(number is not None for number in numbers) if reveal.numbers else 0,
            "texts": sum(text is not None for text in texts) if reveal.texts else 0,
        }
        if not any(clear.values()):
            return
        await self.inbox.revealed(caller, recipient, clear)
        for what, shown in clear.items():
            if shown:
                CLEAR_ANSWERS.labels(what).inc()


def _reveal(caller: Caller) -> Reveal:
    return Reveal(texts=caller.may("messages:read"), numbers=caller.may("recipients:reveal"))
