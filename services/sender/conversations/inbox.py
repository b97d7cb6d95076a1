"""Reads conversations and what stands in them, and changes who has read, handles and closed them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from services.sender import recipient_store
from services.sender.conversations import store
from services.sender.conversations.conversation import (
    Conversation,
    ConversationState,
    after_closing,
    after_reading,
)
from services.sender.conversations.review import check_seen
from services.sender.conversations.store import InboxPlace, ThreadPlace
from services.sender.queue.dispatches import attempt_id_of
from services.sender.recipient_store import SenderRecipient
from shared import aad
from shared.aad import AssociatedData
from shared.audit import Actor, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Unsealable
from shared.events.trigger import Contact
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId, RecipientId
from shared.phone import E164, masked
from shared.privacy import Sealer
from shared.telemetry.logs import logger

MOST_LISTED: Final = 100
"""Items of a page; each opens at most three sealed values."""
HIDDEN: Final = "…"
"""Stands for a text that the caller may not read."""

log = logger(__name__)


class Reveal(NamedTuple):
    """What a caller may read in clear."""

    texts: bool
    numbers: bool


class OpenConversation(NamedTuple):
    """A conversation as a caller may read it; what is no longer kept is None."""

    stored: Conversation
    number: str | None
    newest_class: str | None
    newest_text: str | None
    assigned_to: str | None


class OpenReply(NamedTuple):
    """A reply in a thread."""

    at: datetime
    row: Row
    text: str | None


class OpenText(NamedTuple):
    """A text in a thread; `call` is its last attempt, None where that is no longer kept."""

    at: datetime
    row: Row
    call: Row | None
    text: str | None


class ConversationThread(NamedTuple):
    """A page of what a person wrote and was sent, the newest first."""

    conversation: OpenConversation
    person: SenderRecipient
    items: list[OpenReply | OpenText]
    next_place: ThreadPlace | None


class Inbox:
    """The conversations of merchants; another merchant's is never found."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer, audit: AuditLog) -> None:
        self._units = units
        self._sealer = sealer
        self._audit = audit

    async def revealed(self, caller: Caller, recipient: RecipientId | None, counts: Mapping[str, int]) -> None:
        """Enter into the audit log that a caller is shown something in clear; nothing is to be shown before."""
        who = caller.merchant.id if recipient is None else recipient
        kind = AuditSubjectKind.MERCHANT if recipient is None else AuditSubjectKind.RECIPIENT
        subject = AuditSubject(kind, str(who))
        deed = Deed(
            caller.merchant.id, AuditAction.CONVERSATIONS_REVEALED, subject, recipient_id=recipient, counts=counts
        )

        async def work(uow: UnitOfWork) -> None:
            self._audit.record(uow, caller.actor, deed)

        await self._units.run(work, WritePriority.BATCHES)

    async def page(
        self,
        merchant: MerchantId,
        lowest: ConversationState,
        before: InboxPlace,
        most: int,
        reveal: Reveal,
        who: str | None = None,
    ) -> list[OpenConversation]:
        """Return conversations behind a place: what needs a decision first, then unread ones, the newest first.

        With `who`, only those that they handle.
        """
        assignee_key = None if who is None else self._assignee_key(merchant, who)

        async def work(db: Transaction) -> tuple[list[Conversation], Mapping[UUID, Row]]:
            found = await store.page(db, merchant, lowest, before, most, assignee_key)
            return found, await store.newest_replies(db, found)

        found, newest = await self._units.read(work)
        return [self._opened(each, newest.get(each.newest_reply_id), reveal) for each in found]

    async def counts(self, merchant: MerchantId) -> Mapping[ConversationState, int]:
        """Return how many conversations need a decision, and how many are unread; more than a page are not counted."""

        async def work(db: Transaction) -> Mapping[ConversationState, int]:
            states = (ConversationState.NEEDS_REVIEW, ConversationState.UNREAD)
            return {state: await store.count(db, merchant, state, MOST_LISTED) for state in states}

        return await self._units.read(work)

    async def find(self, merchant: MerchantId, recipient: RecipientId, reveal: Reveal) -> OpenConversation | None:
        """Return a conversation; None where the merchant has none with this person."""

        async def work(db: Transaction) -> tuple[Conversation, Mapping[UUID, Row]] | None:
            found = await store.find(db, merchant, recipient)
            return None if found is None else (found, await store.newest_replies(db, [found]))

        read = await self._units.read(work)
        return None if read is None else self._opened(read[0], read[1].get(read[0].newest_reply_id), reveal)

    async def thread(
        self, merchant: MerchantId, recipient: RecipientId, before: ThreadPlace, most: int, reveal: Reveal
    ) -> ConversationThread | None:
        """Return a page of a thread; None where the merchant has no such conversation.

        A page holds what was written, and what was queued, before a place; within it, texts stand where they were sent.
        """

        async def work(db: Transaction) -> ConversationThread | None:
            found = await store.find(db, merchant, recipient)
            person = (await recipient_store.find_recipients(db, [recipient])).get(recipient)
            if found is None or person is None:
                return None
            newest = await store.newest_replies(db, [found])
            written = await store.replies_of(db, recipient, before, most + 1)
            sent = await store.texts_of(db, recipient, before, most + 1)
            places = sorted([*map(store.place_of_reply, written), *map(store.place_of_text, sent)], reverse=True)
            last = places[most - 1] if len(places) > most else None
            written = [row for row in written if last is None or store.place_of_reply(row) >= last]
            sent = [row for row in sent if last is None or store.place_of_text(row) >= last]
            calls = await store.calls(db, [_last_attempt(row) for row in sent])
            items: list[OpenReply | OpenText] = [self._reply(row, reveal) for row in written]
            items += [self._text(row, calls.get(_last_attempt(row)), reveal) for row in sent]
            return ConversationThread(
                self._opened(found, newest.get(found.newest_reply_id), reveal),
                person,
                sorted(items, key=lambda item: item.at, reverse=True),
                last,
            )

        return await self._units.read(work)

    async def mark_read(self, merchant: MerchantId, recipient: RecipientId, seen: UUID | None) -> None:
        """Mark a conversation as read.

        Raises:
            HTTPProblem: 409, a newer reply than the one seen has come.
        """
        await self._change(merchant, recipient, seen, after_reading)

    async def assign(self, merchant: MerchantId, recipient: RecipientId, who: str | None, actor: Actor) -> None:
        """Store who handles a conversation; None: nobody in particular."""
        deed = _deed(merchant, recipient, AuditAction.CONVERSATION_ASSIGNED)
        place = aad.conversation_assignee(recipient)
        sealed = None if who is None else self._sealer.seal(merchant, place, who.encode())
        key = None if who is None else self._assignee_key(merchant, who)
        note = partial(self._audit.record, actor=actor, deed=deed)
        await self._change(
            merchant, recipient, None, lambda before: before._replace(assigned_to=sealed, assignee_key=key), note
        )

    async def close(self, merchant: MerchantId, recipient: RecipientId, seen: UUID | None, actor: Actor) -> None:
        """Put a conversation away until the person writes again.

        Raises:
            HTTPProblem: 409, a newer reply than the one seen has come, or somebody has to decide about one first.
        """

        def closed(before: Conversation) -> Conversation:
            if before.state is ConversationState.NEEDS_REVIEW:
                raise HTTPProblem(
                    HTTPStatus.CONFLICT, "needs_review", "first decide with …/review whether its reply was an opt-out"
                )
            return after_closing(before)

        deed = _deed(merchant, recipient, AuditAction.CONVERSATION_CLOSED)
        await self._change(merchant, recipient, seen, closed, partial(self._audit.record, actor=actor, deed=deed))

    async def _change(
        self,
        merchant: MerchantId,
        recipient: RecipientId,
        seen: UUID | None,
        change: Callable[[Conversation], Conversation],
        note: Callable[[UnitOfWork], None] | None = None,
    ) -> None:
        """Change a conversation, if the merchant has it; `note` enters that into the audit log."""

        async def work(uow: UnitOfWork) -> None:
            before = await store.find(uow.db, merchant, recipient, lock=True)
            if before is not None:
                check_seen(before, seen)
                after = change(before)
                await store.save(uow.db, after)
                if note is not None and after != before:
                    note(uow)

        await self._units.run(work, WritePriority.BATCHES)

    def _opened(self, stored: Conversation, newest: Row | None, reveal: Reveal) -> OpenConversation:
        recipient = stored.recipient_id
        return OpenConversation(
            stored,
            self._number(stored, reveal),
            newest["reply_class"] if newest else None,
            self._reply(newest, reveal).text if newest else None,
            self._clear(stored.merchant_id, aad.conversation_assignee(recipient), stored.assigned_to),
        )

    def _assignee_key(self, merchant: MerchantId, who: str) -> bytes:
        return self._sealer.keyed_hash(f"assignee\x1f{merchant}\x1f{who}")

    def _number(self, stored: Conversation, reveal: Reveal) -> str | None:
        clear = self._clear(stored.merchant_id, aad.contact(stored.recipient_id), stored.contact)
        try:
            number = None if clear is None else E164(Contact.model_validate_json(clear).phone)
        except ValidationError:
            return None
        return number if number is None or reveal.numbers else masked(number)

    def _reply(self, row: Row, reveal: Reveal) -> OpenReply:
        place = aad.reply_text(row["provider_message_id"])
        return OpenReply(row["received_at"], row, self._said(row["merchant_id"], place, row["text"], reveal))

    def _text(self, row: Row, call: Row | None, reveal: Reveal) -> OpenText:
        if call is None:
            return OpenText(row["first_queued_at"], row, None, None)
        text = self._said(row["merchant_id"], aad.sent_text(call["id"]), call["text"], reveal)
        return OpenText(call["accepted_at"] or call["intent_at"], row, call, text)

    def _said(self, merchant: MerchantId, place: AssociatedData, sealed: bytes | None, reveal: Reveal) -> str | None:
        """Return a text; hidden from who may not read it, None where it is no longer kept."""
        if sealed is None or reveal.texts:
            return self._clear(merchant, place, sealed)
        return HIDDEN

    def _clear(self, merchant: MerchantId, place: AssociatedData, sealed: bytes | None) -> str | None:
        """Return what is sealed; None where it is no longer kept, or cannot be opened, which is logged."""
        if sealed is None:
            return None
        try:
            return self._sealer.open(merchant, place, bytes(sealed)).decode()
        except Unsealable as fault:
            log.warning("conversation_unreadable", detail=fault.detail)
            return None


def _deed(merchant: MerchantId, recipient: RecipientId, action: AuditAction) -> Deed:
    """Return what was done with a conversation, for the audit log."""
    return Deed(merchant, action, AuditSubject(AuditSubjectKind.RECIPIENT, str(recipient)), recipient_id=recipient)


def _last_attempt(row: Row) -> UUID:
    """Return the id of a dispatch's last attempt."""
    return attempt_id_of(row["follow_up_id"], row["attempts"], row["first_queued_at"])
