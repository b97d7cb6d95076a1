"""Accepts replies: classified and committed before the provider gets its answer, so that an opt-out acts at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson

from services.sender import recipient_store
from services.sender import store as dispatch_store
from services.sender.conversations.conversation import IncomingReply
from services.sender.conversations.store import note_reply
from services.sender.instruments import ALARMS, IN_FLIGHT_AT_STOP, REPLIES, UNASSIGNED
from services.sender.providers.admission import Admitted
from services.sender.providers.provider import Inbound
from services.sender.recipient_store import SenderRecipient
from services.sender.replies import store
from services.sender.replies.provider_reading import combined_reading
from services.sender.replies.send_permission import SendPermission, after_start, after_stop
from services.sender.replies.store import SealedUnassignedReply, StoredReply
from shared import aad, ids, phone
from shared.config.directory import Merchant
from shared.config.merchant import StopScope
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import DatabaseUnavailable
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope, SuppressionCause
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.trigger import Contact
from shared.failpoints import failpoint
from shared.ids import EventId, MerchantId, RecipientId
from shared.inbound.classifier import Classification, Context, classify, classify_for
from shared.phone import E164, former_spellings
from shared.privacy import Sealer
from shared.telemetry.logs import logger

ResultT = TypeVar("ResultT")

_RETRY_PAUSES_SECONDS: Final = (0.1, 0.4)
"""Between tries to commit a reply while its provider waits."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifiedReply:
    """A reply classified for both contexts before its person is locked; their row decides which one holds."""

    merchant: Merchant
    sender: E164
    recipient_id: RecipientId
    former: tuple[RecipientId, ...]
    """The person's ids under other spellings of their number."""
    inbound: Inbound
    subscribed: Classification
    opted_out: Classification
    evidence: bytes
    """What proves a keyword, for the ledger; sealed once the id of the claim it belongs to is known."""


class ReplyIntake:
    """Stores replies with everything that follows from them."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer) -> None:
        self._units = units
        self._sealer = sealer

    async def accept(self, admitted: Admitted) -> bool:
        """Store a reply, whether its provider delivered it or listed it; one without a known sender is set aside.

        Returns:
            Whether it was written to a number of ours.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider must deliver it again.
        """
        inbound = admitted.inbound()
        sender = phone.parse_sender(inbound.sender, admitted.merchant.config.country) if inbound else None
        known = sender if isinstance(sender, str) else None
        if not admitted.is_ours(is_reply=True):
            # Stored all the same: a number may have left the file while people still write to it.
            await self._store_unassigned(admitted, inbound, known, "not_our_number")
            return False
        if inbound is None:
            await self._store_unassigned(admitted, None, None, "incomplete")
        elif known is None:
            await self._store_unassigned(admitted, inbound, None, "sender_unknown")
        else:
            await self.record(admitted.merchant, known, inbound)
        return True

    async def record(
        self, merchant: Merchant, sender: E164, inbound: Inbound, note: Callable[[UnitOfWork], None] | None = None
    ) -> ReplyClass:
        """Commit one reply once, however often it is delivered, and return its class.

        `note` enters into the same unit who recorded it by hand, also where it was recorded before.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider must deliver it again.
        """
        reply = self._classified(merchant, sender, inbound)
        effect = await self._committed(lambda uow: self._noted(reply, uow, note), merchant.id)
        if effect is _ID_REUSED:
            ALARMS.labels("reply_id_reused").inc()
            log.error("reply_id_reused", merchant_id=merchant.id, provider_message_id=inbound.provider_message_id)
            digest = self._sealer.keyed_hash(f"{sender}\x1f{inbound.text}").hex()[:16]
            own_id = f"{inbound.provider_message_id}~{digest}"
            reply = replace(reply, inbound=replace(inbound, provider_message_id=own_id))
            effect = await self._committed(lambda uow: self._noted(reply, uow, note), merchant.id)
        failpoint("sender.after_reply_commit")
        if effect is not None:
            REPLIES.labels(effect.reply_class).inc()
            IN_FLIGHT_AT_STOP.inc(effect.in_flight)
        return effect.reply_class if effect is not None else reply.subscribed.reply_class

    async def _noted(
        self, reply: ClassifiedReply, uow: UnitOfWork, note: Callable[[UnitOfWork], None] | None
    ) -> "ReplyEffect | None":
        effect = await _record(reply, uow, self._sealer)
        if note is not None and effect is not _ID_REUSED:
            note(uow)
        return effect

    async def _store_unassigned(
        self, admitted: Admitted, inbound: Inbound | None, sender: E164 | None, reason: str
    ) -> None:
        """Store a reply without a recipient once, however often it is delivered, and raise an alarm.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider must deliver it again.
        """
        merchant, form = admitted.merchant.id, admitted.callback.form
        raw = orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
        text = inbound.text if inbound else form.get("Body", "")
        reply_class = classify(text, Context.SUBSCRIBED).reply_class
        digest = self._sealer.keyed_hash(f"reply\x1f{merchant}\x1f{admitted.provider.name}\x1f{raw.decode()}")
        unassigned = SealedUnassignedReply(
            digest,
            merchant,
            admitted.provider.name,
            reason,
            reply_class,
            self._sealer.recipient_id(merchant, sender) if sender else None,
            self._sealer.seal(merchant, aad.unassigned_reply(digest), raw),
            self._units.clock.now(),
        )
        if await self._committed(lambda uow: store.insert_unassigned(unassigned, uow), merchant):
            UNASSIGNED.labels(reason).inc()
            ALARMS.labels("unassigned_reply").inc()
            log.error(
                "reply_unassigned",
                merchant_id=merchant,
                provider=admitted.provider.name,
                reason=reason,
                reply_class=reply_class,
                digest=digest.hex()[:16],
            )

    async def _committed(self, work: Callable[[UnitOfWork], Awaitable[ResultT]], merchant: MerchantId) -> ResultT:
        """Commit, trying again after each pause: not every provider delivers a reply twice, and it may be a STOP."""
        for pause in _RETRY_PAUSES_SECONDS:
            try:
                return await self._units.run(work, WritePriority.STOP)
            except DatabaseUnavailable as fault:
                log.warning("reply_waits", code=fault.code, merchant_id=merchant)
            await asyncio.sleep(pause)
        return await self._units.run(work, WritePriority.STOP)

    def _classified(self, merchant: Merchant, sender: E164, inbound: Inbound) -> ClassifiedReply:
        readings = classify_for(inbound.text, (Context.SUBSCRIBED, Context.OPTED_OUT))
        subscribed = combined_reading(readings[Context.SUBSCRIBED], inbound.provider_says, opted_out=False)
        evidence = {
            "text": inbound.text,
            "number": inbound.sender_number,
            "id": inbound.provider_message_id,
            "channel": inbound.channel,
        }
        return ClassifiedReply(
            merchant,
            sender,
            self._sealer.recipient_id(merchant.id, sender),
            tuple(self._sealer.recipient_id(merchant.id, each) for each in former_spellings(sender)),
            inbound,
            subscribed,
            combined_reading(readings[Context.OPTED_OUT], inbound.provider_says, opted_out=True),
            orjson.dumps({**evidence, "why": subscribed.why}),
        )


@dataclass(frozen=True, slots=True)
class ReplyEffect:
    """What a reply did, for the metrics."""

    reply_class: ReplyClass
    in_flight: int


_ID_REUSED: Final = ReplyEffect(ReplyClass.OTHER, 0)
"""Nothing was stored: another reply has this provider id."""


async def _record(reply: ClassifiedReply, uow: UnitOfWork, sealer: Sealer) -> ReplyEffect | None:
    """Write the reply, the person's permission and the events in one unit; return None for a repeat."""
    merchant, inbound = reply.merchant, reply.inbound
    people = await recipient_store.lock_recipients(uow.db, {reply.recipient_id: merchant.id})
    person = people[reply.recipient_id]
    before = person.permission
    opted_out = before.suppressed is not None or before.marketing_suppressed
    reading = reply.opted_out if opted_out else reply.subscribed
    after = _permission_after(before, reading, merchant)
    keyword_seq = after.keyword_seq if after.keyword_seq != before.keyword_seq else None
    stored = _stored(reply, reading, person, keyword_seq, uow.now, sealer)
    if not await store.insert_reply(stored, uow):
        return None if await _is_repeat(reply, uow, sealer) else _ID_REUSED
    contact = _contact(reply, reply.recipient_id, sealer)
    await note_reply(
        uow.db,
        merchant.id,
        reply.recipient_id,
        IncomingReply(
            stored.reply_id, stored.provider_message_id, uow.now, stored.reply_class, stored.needs_review, contact
        ),
    )
    in_flight = 0
    is_stop = reading.reply_class is ReplyClass.OPT_OUT
    if is_stop:
        open_attempts = await dispatch_store.find_open_attempts(uow.db, [reply.recipient_id])
        in_flight = len(open_attempts.get(reply.recipient_id, []))
    changed = person._replace(permission=after, in_flight_at_stop=person.in_flight_at_stop + in_flight)
    await recipient_store.save_recipients(uow.db, [changed])
    answered = await store.answered_text(uow.db, person.last_follow_up_id)
    common = {
        "merchant_id": merchant.id,
        "recipient_id": reply.recipient_id,
        "occurred_at": uow.now,
        "correlation_id": answered.correlation_id if answered else f"reply-{stored.reply_id}",
    }
    if keyword_seq is not None:
        for recipient_id in (reply.recipient_id, *reply.former):
            own = {**common, "recipient_id": recipient_id}
            uow.publish(_consent_report(reply, reading, keyword_seq, stored.reply_id, own, sealer))
    repeats_opt_out = is_stop and after.suppresses_same_as(before) and await _last_keyword_was_stop(reply, before, uow)
    uow.publish(
        ReplyReceived(
            event_id=EventId(ids.derived(ReplyReceived.type, stored.reply_id, at=uow.now)),
            **common,
            reply_class=stored.reply_class,
            needs_review=stored.needs_review,
            keyword_seq=keyword_seq,
            follow_up_id=stored.follow_up_id,
            sender_number=stored.sender_number,
            locale=answered.locale if answered else None,
            contact=contact,
            provider_answers=inbound.provider_answered,
            repeats_opt_out=repeats_opt_out,
        )
    )
    failpoint("sender.before_reply_commit")
    return ReplyEffect(reading.reply_class, in_flight)


def _stored(
    reply: ClassifiedReply,
    reading: Classification,
    person: SenderRecipient,
    keyword_seq: int | None,
    now: datetime,
    sealer: Sealer,
) -> StoredReply:
    merchant, inbound = reply.merchant, reply.inbound
    return StoredReply(
        merchant_id=merchant.id,
        provider_message_id=inbound.provider_message_id,
        reply_id=ids.derived("reply", merchant.id, inbound.provider_message_id, at=now),
        recipient_id=reply.recipient_id,
        sender_number=inbound.sender_number,
        reply_class=reading.reply_class,
        needs_review=reading.needs_review,
        keyword_seq=keyword_seq,
        follow_up_id=person.last_follow_up_id,
        text=sealer.seal(merchant.id, aad.reply_text(inbound.provider_message_id), inbound.text.encode()),
        channel=inbound.channel,
    )


async def _is_repeat(reply: ClassifiedReply, uow: UnitOfWork, sealer: Sealer) -> bool:
    """Return whether the stored reply with this id has the same text and the same sender."""
    message_id = reply.inbound.provider_message_id
    recipient_id, text = await store.content_of(uow.db, reply.merchant.id, message_id)
    return recipient_id == reply.recipient_id and (
        text is None or sealer.open(reply.merchant.id, aad.reply_text(message_id), text) == reply.inbound.text.encode()
    )


async def _last_keyword_was_stop(reply: ClassifiedReply, before: SendPermission, uow: UnitOfWork) -> bool:
    """Return whether the opt-out that this one repeats was a reply too, and so has been confirmed.

    A person who opted out on the preference page or through the shop was informed there and sent no text: their first
    STOP by text is a request of its own, and the one confirmation may answer it (47 CFR 64.1200(a)(12)).
    """
    keywords = await store.keywords_of(uow.db, reply.recipient_id)
    return keywords.get(before.keyword_seq) is ReplyClass.OPT_OUT


def _permission_after(before: SendPermission, reading: Classification, merchant: Merchant) -> SendPermission:
    """Return the permission after a reply: an opt-out acts at once, an opt-in is for the ledger to decide."""
    match reading.reply_class:
        case ReplyClass.OPT_OUT:
            cause = SuppressionCause.WRONG_PERSON if reading.wrong_party else SuppressionCause.OPT_OUT
            return after_stop(before, marketing_only=_is_marketing_only(reading, merchant), cause=cause)
        case ReplyClass.OPT_IN:
            return after_start(before)
        case _:
            return before._replace(needs_review=before.needs_review or reading.needs_review)


def _is_marketing_only(reading: Classification, merchant: Merchant) -> bool:
    return merchant.config.policies.scope_on_stop is StopScope.MARKETING_ONLY and not reading.wrong_party


def _consent_report(
    reply: ClassifiedReply,
    reading: Classification,
    keyword_seq: int,
    reply_id: object,
    common: Mapping[str, Any],
    sealer: Sealer,
) -> ConsentReported:
    """Return the claim that a keyword makes, for the ledger."""
    is_stop = reading.reply_class is ReplyClass.OPT_OUT
    parts = (reply_id,) if common["recipient_id"] == reply.recipient_id else (reply_id, common["recipient_id"])
    marketing_only = _is_marketing_only(reading, reply.merchant)
    claim_id = EventId(ids.derived(ConsentReported.type, *parts, at=common["occurred_at"]))
    return ConsentReported(
        event_id=claim_id,
        **common,
        scope=ConsentScope.MARKETING if marketing_only else ConsentScope.ALL,
        act=ConsentAct.REVOKED if is_stop else ConsentAct.RESTORED,
        captured_at=common["occurred_at"],
        method="keyword",
        source="reply",
        keyword_seq=keyword_seq,
        cause=SuppressionCause.WRONG_PERSON if reading.wrong_party else None,
        contact=_contact(reply, common["recipient_id"], sealer),
        evidence=sealer.seal(reply.merchant.id, aad.evidence(claim_id), reply.evidence),
    )


def _contact(reply: ClassifiedReply, recipient: RecipientId, sealer: Sealer) -> bytes:
    """Return the sender's number, sealed under one of the ids the person has had."""
    clear = Contact(phone=reply.sender).model_dump_json().encode()
    return sealer.seal(reply.merchant.id, aad.contact(recipient), clear)
