"""Replies without a known recipient: listed, assigned to a person, or dismissed, by someone who has read them."""

from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from services.sender.instruments import UNASSIGNED_SETTLED
from services.sender.providers.accounts import ProviderAccounts
from services.sender.providers.provider import Callback
from services.sender.replies import store
from services.sender.replies.intake import ReplyIntake
from services.sender.replies.store import SealedUnassignedReply
from shared import aad, phone
from shared.config.directory import Merchant
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault, Unsealable
from shared.events.engagement import ReplyClass
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
        self, units: UnitOfWorkRunner, sealer: Sealer, providers: ProviderAccounts, intake: ReplyIntake
    ) -> None:
        self._units = units
        self._sealer = sealer
        self._providers = providers
        self._intake = intake

    async def listed(self, merchant: MerchantId, before: tuple[datetime, bytes], most: int) -> list[UnassignedReply]:
        """Return a merchant's replies that came before another one, the newest first."""
        found = await self._units.read(lambda db: store.list_unassigned(db, merchant, before, most))
        return [self._opened(each) for each in found]

    async def find(self, merchant: MerchantId, reply_id: str) -> UnassignedReply | None:
        """Return one of a merchant's replies; None where it has none by this id, or it was assigned or dismissed."""
        found = await self._units.read(lambda db: store.find_unassigned(db, merchant, bytes.fromhex(reply_id)))
        return None if found is None else self._opened(found)

    async def assign(
        self, owner: MerchantId, reply: UnassignedReply, merchant: Merchant, to: E164 | None
    ) -> ReplyClass:
        """Record a reply that `owner` received as a person's at a merchant, with all it means, and return its class.

        The person is `to`, or the reply's own sender where that is a number. A crash in between leaves the reply here;
        assigned again, it is the repeat of a stored one.

        Raises:
            NotAssignable: no person is named, or the merchant has no number that it could have been written to.
        """
        name = reply.stored.provider
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
        reply_class = await self._intake.record(merchant, E164(sender), inbound)
        await self._delete(owner, reply, "assigned")
        return reply_class

    async def dismiss(self, owner: MerchantId, reply: UnassignedReply) -> None:
        """Delete a reply that belongs to no one."""
        await self._delete(owner, reply, "dismissed")

    async def _delete(self, owner: MerchantId, reply: UnassignedReply, how: str) -> None:
        stored = reply.stored
        if await self._units.run(lambda uow: store.delete_unassigned(stored.digest, uow), WritePriority.BATCHES):
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
