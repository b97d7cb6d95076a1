"""Somebody decides whether a reply that reads unclear was an opt-out.

Only what was read as unclear is decided here: a reply that was read as an opt-out stays one, and what the person texts
after the reply decides before anybody else does.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from services.sender import recipient_store
from services.sender.conversations import store
from services.sender.conversations.conversation import Conversation, after_decision
from services.sender.instruments import REVIEWS
from services.sender.replies.send_permission import after_review
from services.sender.replies.store import answered_text
from shared import aad, ids
from shared.audit import Actor, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.config.directory import Merchant
from shared.config.merchant import StopScope
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Unsealable
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.events.engagement import ReplyReviewed
from shared.events.trigger import Contact
from shared.http.problems import HTTPProblem
from shared.ids import EventId, RecipientId
from shared.phone import E164, former_spellings
from shared.privacy import Sealer
from shared.telemetry.logs import logger

log = logger(__name__)

NOTHING_TO_REVIEW: Final = (
    "no reply of this person waits for a decision: what was read as an opt-out stays one, and their own STOP or START "
    "decides before anybody else does"
)


class Decision(NamedTuple):
    """What somebody decided about a person's unclear reply."""

    was_opt_out: bool
    seen: UUID | None
    """The newest reply they had read."""
    actor: Actor
    reason: str | None = None
    """Why, for the audit log."""


class ReplyReviews:
    """Records decisions with everything that follows from them, in one transaction."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer, audit: AuditLog) -> None:
        self._units = units
        self._sealer = sealer
        self._audit = audit

    async def decide(self, merchant: Merchant, recipient: RecipientId, decision: Decision) -> Conversation | None:
        """Record a decision; made once more it changes nothing. None: the merchant has no such conversation.

        Raises:
            HTTPProblem: 409, nothing is to be decided, or a newer reply than the one seen has come.
        """

        async def work(uow: UnitOfWork) -> tuple[Conversation | None, bool]:
            return await self._decide(merchant, recipient, decision, uow)

        conversation, is_new = await self._units.run(work, WritePriority.STOP)
        if is_new:
            REVIEWS.labels("opt_out" if decision.was_opt_out else "no_opt_out").inc()
            log.info("reply_reviewed", merchant_id=merchant.id, was_opt_out=decision.was_opt_out, by=decision.actor.id)
        return conversation

    async def _decide(
        self, merchant: Merchant, recipient: RecipientId, decision: Decision, uow: UnitOfWork
    ) -> tuple[Conversation | None, bool]:
        people = await recipient_store.find_recipients(uow.db, [recipient], lock="update")
        conversation = await store.find(uow.db, merchant.id, recipient, lock=True)
        if conversation is None or recipient not in people:
            return None, False
        check_seen(conversation, decision.seen)
        person, reply = people[recipient], await store.newest_undecided(uow.db, recipient)
        if not person.permission.needs_review or reply is None:
            if await store.newest_decision(uow.db, recipient) is decision.was_opt_out:
                return conversation, False  # the same decision once more, as after an answer that was lost
            raise HTTPProblem(HTTPStatus.CONFLICT, "nothing_to_review", NOTHING_TO_REVIEW)
        if await store.decided_themselves(uow.db, recipient, reply["received_at"]):
            raise HTTPProblem(HTTPStatus.CONFLICT, "nothing_to_review", NOTHING_TO_REVIEW)
        marketing_only = merchant.config.policies.scope_on_stop is StopScope.MARKETING_ONLY
        after = after_review(person.permission, was_opt_out=decision.was_opt_out, marketing_only=marketing_only)
        await recipient_store.save_recipients(uow.db, [person._replace(permission=after)])
        await store.save_decision(uow.db, recipient, decision.actor.id, uow.now, was_opt_out=decision.was_opt_out)
        subject = AuditSubject(AuditSubjectKind.REPLY, str(reply["reply_id"]))
        counts = {"opt_outs": int(decision.was_opt_out)}
        deed = Deed(
            merchant.id,
            AuditAction.REPLY_REVIEWED,
            subject,
            recipient_id=recipient,
            counts=counts,
            reason=decision.reason,
        )
        self._audit.record(uow, decision.actor, deed)
        conversation = after_decision(conversation)
        await store.save(uow.db, conversation)
        answered = await answered_text(uow.db, reply["follow_up_id"])
        correlation_id = answered.correlation_id if answered else f"reply-{reply['reply_id']}"
        if decision.was_opt_out:
            scope = ConsentScope.MARKETING if marketing_only else ConsentScope.ALL
            for each in (recipient, *self._former(conversation)):
                uow.publish(self._claim(each, reply, scope, after.keyword_seq, decision, correlation_id, uow.now))
        uow.publish(
            ReplyReviewed(
                event_id=EventId(ids.derived(ReplyReviewed.type, reply["reply_id"], at=uow.now)),
                merchant_id=merchant.id,
                recipient_id=recipient,
                occurred_at=uow.now,
                correlation_id=correlation_id,
                reply_id=reply["reply_id"],
                replied_at=reply["received_at"],
                was_opt_out=decision.was_opt_out,
                reviewed_by=decision.actor.id,
            )
        )
        return conversation, True

    def _claim(
        self,
        recipient: RecipientId,
        reply: Row,
        scope: ConsentScope,
        keyword_seq: int,
        decision: Decision,
        correlation_id: str,
        now: datetime,
    ) -> ConsentReported:
        """Return the opt-out as the person's own, of the moment they wrote it; the evidence says who read it so."""
        claim_id = EventId(ids.derived("consent.reported", "review", reply["reply_id"], recipient, at=now))
        evidence = {
            "text": self._text(reply),
            "number": reply["sender_number"],
            "id": reply["provider_message_id"],
            "channel": reply["channel"],
            "why": "somebody read the reply as an opt-out",
            "reviewed_by": decision.actor.id,
        }
        merchant = reply["merchant_id"]
        return ConsentReported(
            event_id=claim_id,
            merchant_id=merchant,
            recipient_id=recipient,
            occurred_at=now,
            correlation_id=correlation_id,
            scope=scope,
            act=ConsentAct.REVOKED,
            captured_at=reply["received_at"],
            method="reply",
            source="reply",
            keyword_seq=keyword_seq,
            evidence=self._sealer.seal(merchant, aad.evidence(claim_id), orjson.dumps(evidence)),
        )

    def _text(self, reply: Row) -> str | None:
        """Return what a reply says; None where that is no longer kept."""
        if reply["text"] is None:
            return None
        place = aad.reply_text(reply["provider_message_id"])
        try:
            return self._sealer.open(reply["merchant_id"], place, bytes(reply["text"])).decode()
        except Unsealable:
            return None

    def _former(self, conversation: Conversation) -> list[RecipientId]:
        """Return the person's ids under other spellings of their number, as far as it is kept."""
        merchant = conversation.merchant_id
        if conversation.contact is None:
            return []
        try:
            clear = self._sealer.open(merchant, aad.contact(conversation.recipient_id), conversation.contact)
            number = E164(Contact.model_validate_json(clear).phone)
        except (Unsealable, ValueError):
            return []
        return [self._sealer.recipient_id(merchant, each) for each in former_spellings(number)]


def check_seen(conversation: Conversation, seen: UUID | None) -> None:
    """Check that nobody decides about what they have not read.

    Raises:
        HTTPProblem: 409, a newer reply has come.
    """
    if seen is not None and seen != conversation.newest_reply_id:
        raise HTTPProblem(
            HTTPStatus.CONFLICT, "newer_reply", "another reply is the newest by now; read the conversation again"
        )
