"""Replies: read in the request that brings them; an opt-out is on disk before the provider gets its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
import sqlalchemy as sa

from services.sender import store
from services.sender.instruments import ALARMS, IN_FLIGHT_AT_STOP, REPLIES, UNASSIGNED
from services.sender.providers.admission import Admitted
from services.sender.providers.port import Inbound
from services.sender.replies.meaning import heard
from services.sender.replies.send_permission import SendPermission, after_start, after_stop
from services.sender.tables import dispatches, recipients, replies, unassigned_replies
from shared import aad, ids
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
from shared.inbound import Classification, Context, classify, classify_for
from shared.phone import E164, former_spellings
from shared.privacy import Sealer
from shared.telemetry.logs import logger

ResultT = TypeVar("ResultT")

_PAUSES_SECONDS: Final = (0.1, 0.4)
"""Between tries to commit a reply, which its provider waits for."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifiedReply:
    """A reply, read under both contexts before the lock is taken: the row decides which reading holds."""

    merchant: Merchant
    sender: E164
    recipient_id: RecipientId
    former: tuple[RecipientId, ...]
    """Who they were under other spellings of their number."""
    inbound: Inbound
    subscribed: Classification
    opted_out: Classification
    evidence: bytes
    """What proves a keyword, for the ledger; not sealed yet, for the claim it belongs to is not known yet."""


class Replies:
    """Takes replies in."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer) -> None:
        self._units = units
        self._sealer = sealer

    async def take(self, merchant: Merchant, sender: E164, inbound: Inbound) -> ReplyClass:
        """Commit one reply with everything it means, once however often it is brought; return what it was read as.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider must bring it again.
        """
        message = self._message(merchant, sender, inbound)
        taken = await self._committed(lambda uow: _take(message, uow, self._sealer), merchant.id)
        if taken is _OTHER_WORDS:
            ALARMS.labels("reply_id_reused").inc()
            log.error("reply_id_reused", merchant_id=merchant.id, provider_message_id=inbound.provider_message_id)
            digest = self._sealer.keyed_hash(f"{sender}\x1f{inbound.text}").hex()[:16]
            own_id = f"{inbound.provider_message_id}~{digest}"
            message = replace(message, inbound=replace(inbound, provider_message_id=own_id))
            taken = await self._committed(lambda uow: _take(message, uow, self._sealer), merchant.id)
        failpoint("sender.after_reply_commit")
        if taken is not None:
            REPLIES.labels(taken.reply_class).inc()
            IN_FLIGHT_AT_STOP.inc(taken.in_flight)
        return taken.reply_class if taken is not None else message.subscribed.reply_class

    async def set_aside(self, admitted: Admitted, inbound: Inbound | None, sender: E164 | None, reason: str) -> None:
        """Keep a reply that cannot be laid to anybody's account, once however often it is brought, and raise an alarm.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider must bring it again.
        """
        merchant, form = admitted.merchant.id, admitted.callback.form
        raw = orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
        text = inbound.text if inbound else form.get("Body", "")
        reply_class = classify(text, Context.SUBSCRIBED).reply_class
        digest = self._sealer.keyed_hash(f"reply\x1f{merchant}\x1f{admitted.provider.name}\x1f{raw.decode()}")
        row = {
            "digest": digest,
            "merchant_id": merchant,
            "provider": admitted.provider.name,
            "reason": reason,
            "reply_class": reply_class,
            "recipient_id": self._sealer.recipient_id(merchant, sender) if sender else None,
            "raw": self._sealer.seal(merchant, aad.unassigned_reply(digest), raw),
        }

        async def keep(uow: UnitOfWork) -> bool:
            (is_new,) = await uow.db.insert_new(unassigned_replies, [{**row, "received_at": uow.now}])
            return is_new

        if await self._committed(keep, merchant):
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
        """Commit, and once more after each pause: not every provider brings a reply again, and it may be a STOP."""
        for pause in _PAUSES_SECONDS:
            try:
                return await self._units.run(work, WritePriority.STOP)
            except DatabaseUnavailable as fault:
                log.warning("reply_waits", code=fault.code, merchant_id=merchant)
            await asyncio.sleep(pause)
        return await self._units.run(work, WritePriority.STOP)

    def _message(self, merchant: Merchant, sender: E164, inbound: Inbound) -> ClassifiedReply:
        readings = classify_for(inbound.text, (Context.SUBSCRIBED, Context.OPTED_OUT))
        subscribed = heard(readings[Context.SUBSCRIBED], inbound.provider_says, opted_out=False)
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
            heard(readings[Context.OPTED_OUT], inbound.provider_says, opted_out=True),
            orjson.dumps({**evidence, "why": subscribed.why}),
        )


@dataclass(frozen=True, slots=True)
class ReplyEffect:
    """What a reply did, for the metrics."""

    reply_class: ReplyClass
    in_flight: int


_OTHER_WORDS: Final = ReplyEffect(ReplyClass.OTHER, 0)
"""Nothing was taken: another reply has this id."""


async def _take(message: ClassifiedReply, uow: UnitOfWork, sealer: Sealer) -> ReplyEffect | None:
    """Write reply, standing and events in one unit; None for a repeat."""
    people = await store.held_people(uow.db, {message.recipient_id: message.merchant.id})
    person = people[message.recipient_id]
    before = store.standing_of(person)
    opted_out = before.suppressed is not None or before.marketing_suppressed
    reading = message.opted_out if opted_out else message.subscribed
    after = _standing_after(before, reading, message.merchant)
    keyword_seq = after.keyword_seq if after.keyword_seq != before.keyword_seq else None
    reply_id = ids.derived("reply", message.merchant.id, message.inbound.provider_message_id, at=uow.now)
    row = _reply_row(message, reading, person, keyword_seq, sealer, uow.now)
    (is_new,) = await uow.db.insert_new(replies, [{**row, "reply_id": reply_id}])
    if not is_new:
        return None if await _is_repeat(message, uow, sealer) else _OTHER_WORDS
    in_flight = 0
    is_stop = reading.reply_class is ReplyClass.OPT_OUT
    if is_stop:
        in_flight = len((await store.find_underway(uow.db, [message.recipient_id])).get(message.recipient_id, []))
    columns = {**store.standing_columns(after), "in_flight_at_stop": person["in_flight_at_stop"] + in_flight}
    await uow.db.upsert(recipients, [{**person, **columns}])
    answered = await _answered(person, uow)
    common = {
        "merchant_id": message.merchant.id,
        "recipient_id": message.recipient_id,
        "occurred_at": uow.now,
        "correlation_id": answered["correlation_id"] if answered else f"reply-{reply_id}",
    }
    if keyword_seq is not None:
        for recipient in (message.recipient_id, *message.former):
            uow.publish(_report(message, reading, keyword_seq, reply_id, {**common, "recipient_id": recipient}, sealer))
    uow.publish(
        ReplyReceived(
            event_id=EventId(ids.derived(ReplyReceived.type, reply_id, at=uow.now)),
            **common,
            reply_class=reading.reply_class,
            needs_review=reading.needs_review,
            keyword_seq=keyword_seq,
            follow_up_id=person["last_follow_up_id"],
            sender_number=message.inbound.sender_number,
            locale=answered["locale"] if answered else None,
            contact=_contact(message, message.recipient_id, sealer),
            provider_answers=message.inbound.provider_answered,
            repeats_opt_out=is_stop and after.stops_as(before) and await _last_keyword_was_stop(message, before, uow),
        )
    )
    failpoint("sender.before_reply_commit")
    return ReplyEffect(reading.reply_class, in_flight)


async def _is_repeat(message: ClassifiedReply, uow: UnitOfWork, sealer: Sealer) -> bool:
    """Return whether the reply that has this id says the same, from the same person."""
    same_id = (
        replies.c.merchant_id == message.merchant.id,
        replies.c.provider_message_id == message.inbound.provider_message_id,
    )
    (stored,) = await uow.db.rows(sa.select(replies.c.recipient_id, replies.c.text).where(*same_id))
    if stored["recipient_id"] != message.recipient_id:
        return False
    if stored["text"] is None:
        return True
    place = aad.reply_text(message.inbound.provider_message_id)
    return sealer.open(message.merchant.id, place, stored["text"]) == message.inbound.text.encode()


async def _last_keyword_was_stop(message: ClassifiedReply, before: SendPermission, uow: UnitOfWork) -> bool:
    """Return whether the opt-out this one repeats was a text too, and so has had its confirmation.

    Who opted out on the preference page, or through the shop, was told there and sent nothing: their first STOP by
    text is a request of its own, and the one confirmation may answer it (47 CFR 64.1200(a)(12)).
    """
    columns = ("keyword_seq", "reply_class")
    heard = await uow.db.fetch(replies, "recipient_id", [message.recipient_id], columns=columns)
    return any(row["keyword_seq"] == before.keyword_seq and row["reply_class"] == ReplyClass.OPT_OUT for row in heard)


def _standing_after(before: SendPermission, reading: Classification, merchant: Merchant) -> SendPermission:
    """Return the standing after a reply: opt-outs act at once, opt-ins ask the ledger, doubts hold marketing."""
    match reading.reply_class:
        case ReplyClass.OPT_OUT:
            cause = SuppressionCause.WRONG_PERSON if reading.wrong_party else SuppressionCause.OPT_OUT
            return after_stop(before, marketing_only=_is_marketing_only(reading, merchant), cause=cause)
        case ReplyClass.OPT_IN:
            return after_start(before)
        case _:
            return before.with_review() if reading.needs_review else before


def _is_marketing_only(reading: Classification, merchant: Merchant) -> bool:
    return merchant.config.policies.scope_on_stop is StopScope.MARKETING_ONLY and not reading.wrong_party


def _report(
    message: ClassifiedReply,
    reading: Classification,
    keyword_seq: int,
    reply_id: object,
    common: Mapping[str, Any],
    sealer: Sealer,
) -> ConsentReported:
    """Return the claim a keyword makes, for the ledger."""
    is_stop = reading.reply_class is ReplyClass.OPT_OUT
    parts = (reply_id,) if common["recipient_id"] == message.recipient_id else (reply_id, common["recipient_id"])
    marketing_only = _is_marketing_only(reading, message.merchant)
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
        contact=_contact(message, common["recipient_id"], sealer),
        evidence=sealer.seal(message.merchant.id, aad.evidence(claim_id), message.evidence),
    )


def _contact(message: ClassifiedReply, recipient: RecipientId, sealer: Sealer) -> bytes:
    """Return the sender's number, sealed for them under one of the names they have had."""
    clear = Contact(phone=message.sender).model_dump_json().encode()
    return sealer.seal(message.merchant.id, aad.contact(recipient), clear)


def _reply_row(
    message: ClassifiedReply,
    reading: Classification,
    person: Mapping[str, Any],
    keyword_seq: int | None,
    sealer: Sealer,
    now: datetime,
) -> dict[str, Any]:
    place = aad.reply_text(message.inbound.provider_message_id)
    return {
        "merchant_id": message.merchant.id,
        "provider_message_id": message.inbound.provider_message_id,
        "recipient_id": message.recipient_id,
        "sender_number": message.inbound.sender_number,
        "reply_class": reading.reply_class,
        "needs_review": reading.needs_review,
        "keyword_seq": keyword_seq,
        "follow_up_id": person["last_follow_up_id"],
        "text": sealer.seal(message.merchant.id, place, message.inbound.text.encode()),
        "received_at": now,
        "channel": message.inbound.channel,
    }


async def _answered(person: Mapping[str, Any], uow: UnitOfWork) -> Mapping[str, Any] | None:
    """Return language and correlation of the text this person was sent last, if any."""
    if person["last_follow_up_id"] is None:
        return None
    columns = ("correlation_id", "locale")
    found = await uow.db.fetch(dispatches, "follow_up_id", [person["last_follow_up_id"]], columns=columns)
    return found[0] if found else None
