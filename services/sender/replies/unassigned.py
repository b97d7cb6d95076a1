"""Replies without a known recipient: listed, assigned to a person, or dismissed, by someone who has read them."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from services.sender.instruments import UNASSIGNED_SETTLED
from services.sender.providers.accounts import ProviderAccounts
from services.sender.providers.provider import Callback
from services.sender.replies import store
from services.sender.replies.intake import ReplyIntake
from services.sender.replies.store import SealedUnassignedReply
from shared import aad, phone
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.config.directory import Merchant
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, Unsealable
from shared.events.engagement import ReplyClass
from shared.http.auth import Caller
from shared.ids import MerchantId
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

MOST_LISTED: Final = 200

log = logger(__name__)


class NotAssignable(Fault):
    """A reply that cannot be assigned to a person as requested."""

    code = "not_assignable"


class UnassignedReply(NamedTuple):
    """One unassigned reply, opened."""

    stored: SealedUnassignedReply
    form: dict[str, str]
    """As the provider delivered it; empty where it can no longer be opened."""

    @property
    def id(self) -> str:
        """Its id at the API."""
        return self.stored.digest.hex()


class UnassignedReplies:
    """Reads unassigned replies, and records what was decided about them."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        providers: ProviderAccounts,
        intake: ReplyIntake,
        audit: AuditLog,
    ) -> None:
        self._units = units
        self._sealer = sealer
        self._providers = providers
        self._intake = intake
        self._audit = audit

    async def listed(self, merchant: MerchantId, before: tuple[datetime, bytes], most: int) -> list[UnassignedReply]:
        """Return a merchant's replies that came before another one, the newest first."""
        found = await self._units.read(lambda db: store.list_unassigned(db, merchant, before, most))
        return [self._opened(each) for each in found]

    async def find(self, merchant: MerchantId, reply_id: str) -> UnassignedReply | None:
        """Return one of a merchant's replies; None where it has none by this id, or it was assigned or dismissed."""
        found = await self._units.read(lambda db: store.find_unassigned(db, merchant, bytes.fromhex(reply_id)))
        return None if found is None else self._opened(found)

    async def revealed(self, caller: Caller, shown: int) -> None:
        """Enter into the audit log that a caller is shown so many replies; nothing is to be shown before."""
        subject = AuditSubject(AuditSubjectKind.MERCHANT, caller.merchant.id)
        deed = Deed(caller.merchant.id, AuditAction.REPLIES_REVEALED, subject, counts={"replies": shown})

        async def work(uow: UnitOfWork) -> None:
            self._audit.record(uow, caller.actor, deed)

        await self._units.run(work, WritePriority.BATCHES)

    async def assign(self, caller: Caller, reply: UnassignedReply, merchant: Merchant, to: E164 | None) -> ReplyClass:
        """Record a reply that the caller's merchant received as a person's at a merchant; return its class.

        The person is `to`, or the reply's own sender where that is a number. A crash in between leaves the reply here;
        assigned again, it is the repeat of a stored one.

        Raises:
            NotAssignable: no person is named, or the merchant has no number that it could have been written to.
        """
        owner, name = caller.merchant.id, reply.stored.provider
        provider = self._providers.provider(owner, name)
        callback = Callback("", reply.form, {})
        if provider is None or not reply.form:
            raise NotAssignable(f"the provider {name} of {owner} cannot be used, or the text was erased")
        original = provider.inbound(callback, provider_answers=False)
        sender = to or (phone.parse_sender(original.sender, merchant.config.country) if original else None)
        if not isinstance(sender, str):
            raise NotAssignable("its sender is not a telephone number; name the person in `to`")
        numbers = [each.number for each in merchant.config.numbers]
        if not numbers:
            raise NotAssignable(f"{merchant.id} has no number that it could have been written to")
        number = original.sender_number if original and original.sender_number in numbers else numbers[0]
        readdressed = provider.readdressed(callback, E164(sender), number, reply.id)
        inbound = provider.inbound(readdressed, provider_answers=False)
        if inbound is None:
            raise NotAssignable("the provider's request cannot be read as a reply")
        subject = AuditSubject(AuditSubjectKind.REPLY, reply.id)
        person = self._sealer.recipient_id(merchant.id, E164(sender))
        deed = Deed(owner, AuditAction.REPLY_ASSIGNED, subject, recipient_id=person)
        note = partial(self._audit.record, actor=caller.actor, deed=deed)
        reply_class = await self._intake.record(merchant, E164(sender), inbound, note)
        await self._delete(owner, reply, "assigned")
        return reply_class

    async def dismiss(self, caller: Caller, reply: UnassignedReply) -> None:
        """Delete a reply that belongs to no one."""
        owner, subject = caller.merchant.id, AuditSubject(AuditSubjectKind.REPLY, reply.id)
        deed = Deed(owner, AuditAction.REPLY_DISMISSED, subject)
        await self._delete(owner, reply, "dismissed", partial(self._audit.record, actor=caller.actor, deed=deed))

    async def _delete(
        self, owner: MerchantId, reply: UnassignedReply, how: str, note: Callable[[UnitOfWork], None] | None = None
    ) -> None:
        stored = reply.stored

        async def work(uow: UnitOfWork) -> bool:
            was_there = await store.delete_unassigned(stored.digest, uow)
            if was_there and note is not None:
                note(uow)
            return was_there

        if await self._units.run(work, WritePriority.BATCHES):
            UNASSIGNED_SETTLED.labels(how).inc()
            log.info(
                "unassigned_reply_settled",
                how=how,
                merchant_id=owner,
                digest=reply.id[:16],
                reply_class=stored.reply_class,
            )

    def _opened(self, sealed: SealedUnassignedReply) -> UnassignedReply:
        form: dict[str, Any] = {}
        try:
            clear = self._sealer.open(sealed.merchant_id, aad.unassigned_reply(sealed.digest), sealed.raw)
            form = orjson.loads(clear)
        except (Unsealable, ValueError):
            log.warning("unassigned_reply_unreadable", digest=sealed.digest.hex()[:16])
        return UnassignedReply(sealed, form)
