"""Replies that belong to nobody we can find: read, laid to a person's account, or put away, by somebody who looked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from services.sender.instruments import UNASSIGNED_SETTLED
from services.sender.providers.book import ProviderBook
from services.sender.providers.port import Callback
from services.sender.replies.recording import Replies
from services.sender.tables import unassigned_replies
from shared import aad, phone
from shared.config.directory import Merchant
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, Unsealable
from shared.events.engagement import ReplyClass
from shared.ids import MerchantId
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

MOST_LISTED: Final = 200
DIGEST_BYTES: Final = 32
END: Final = (datetime(9999, 1, 1, tzinfo=UTC), b"\xff" * DIGEST_BYTES)
"""After every reply: where the first page begins."""
NEWEST = (
    sa.select(unassigned_replies)
    .where(
        unassigned_replies.c.merchant_id == sa.bindparam("merchant_id"),
        sa.tuple_(unassigned_replies.c.received_at, unassigned_replies.c.digest)
        < sa.tuple_(
            sa.bindparam("received_at", type_=unassigned_replies.c.received_at.type),
            sa.bindparam("digest", type_=sa.LargeBinary),
        ),
    )
    .order_by(unassigned_replies.c.received_at.desc(), unassigned_replies.c.digest.desc())
    .limit(sa.bindparam("most"))
)

log = logger(__name__)


class NotAssignable(Fault):
    """A reply that cannot be laid to anybody's account as it was asked for."""

    code = "not_assignable"


@dataclass(frozen=True, slots=True)
class UnassignedReply:
    """One such reply, opened."""

    reply_id: str
    provider: str
    reason: str
    reply_class: str
    received_at: datetime
    form: dict[str, str]
    """As the provider brought it; empty where it does not open any more."""


class UnassignedReplies:
    """What somebody may do about them."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer, book: ProviderBook, replies: Replies) -> None:
        self._units = units
        self._sealer = sealer
        self._book = book
        self._replies = replies

    async def listed(self, merchant: MerchantId, before: tuple[datetime, bytes], most: int) -> list[UnassignedReply]:
        """Return a merchant's, the newest first, that came before another."""
        asked = {"merchant_id": merchant, "received_at": before[0], "digest": before[1], "most": most}
        return [self._opened(row) for row in await self._units.read(lambda db: db.rows(NEWEST, asked))]

    async def newest(self, merchant: MerchantId) -> list[UnassignedReply]:
        """Return a merchant's newest, as many as a page holds at most."""
        return await self.listed(merchant, END, MOST_LISTED)

    async def find(self, merchant: MerchantId, reply_id: str) -> UnassignedReply | None:
        """Return one of a merchant's; None where there is none (any more)."""
        row = await self._units.read(lambda db: _row(db, merchant, reply_id))
        return None if row is None else self._opened(row)

    async def assign(
        self, owner: MerchantId, reply: UnassignedReply, merchant: Merchant, to: E164 | None
    ) -> ReplyClass:
        """Take a reply as this person's at this merchant, with all it means: an opt-out counts from now on.

        A crash in between leaves the reply here; assigned again, it is the repeat of one that is known.

        Args:
            owner: the merchant at whose door it came.
            reply: the reply.
            merchant: at whom it counts.
            to: whose it is; None for its own sender, where that is a number.

        Returns:
            What it was read as.

        Raises:
            NotAssignable: nobody is named, or the merchant has no number that it could have been written to.
        """
        provider = self._book.provider(owner, reply.provider)
        callback = Callback("", reply.form, {})
        if provider is None or not reply.form:
            raise NotAssignable(f"the provider {reply.provider} of {owner} cannot be used, or the text was erased")
        told = provider.inbound(callback, provider_answers=False)
        sender = to or (phone.heard(told.sender, merchant.config.country) if told else None)
        if not isinstance(sender, str):
            raise NotAssignable("its sender is no number; name the person in `to`")
        numbers = [each.number for each in merchant.config.numbers]
        if not numbers:
            raise NotAssignable(f"{merchant.id} has no number that it could have been written to")
        number = told.sender_number if told and told.sender_number in numbers else numbers[0]
        readdressed = provider.readdressed(callback, E164(sender), number, reply.reply_id)
        inbound = provider.inbound(readdressed, provider_answers=False)
        if inbound is None:
            raise NotAssignable("what the provider brought cannot be read as a reply")
        read = await self._replies.take(merchant, E164(sender), inbound)
        await self._put_away(owner, reply, "assigned")
        return read

    async def dismiss(self, owner: MerchantId, reply: UnassignedReply) -> None:
        """Delete a reply that is nobody's."""
        await self._put_away(owner, reply, "dismissed")

    async def _put_away(self, owner: MerchantId, reply: UnassignedReply, how: str) -> None:
        async def work(uow: UnitOfWork) -> int:
            return await uow.db.delete(unassigned_replies, "digest", [bytes.fromhex(reply.reply_id)])

        if await self._units.run(work, WritePriority.BATCHES):
            UNASSIGNED_SETTLED.labels(how).inc()
            log.info(
                "unassigned_reply_settled",
                how=how,
                merchant_id=owner,
                digest=reply.reply_id[:16],
                reply_class=reply.reply_class,
            )

    def _opened(self, row: Row) -> UnassignedReply:
        digest = bytes(row["digest"])
        form: dict[str, Any] = {}
        try:
            place = aad.unassigned_reply(digest)
            form = orjson.loads(self._sealer.open(MerchantId(row["merchant_id"]), place, bytes(row["raw"])))
        except (Unsealable, ValueError):
            log.warning("unassigned_reply_unreadable", digest=digest.hex()[:16])
        return UnassignedReply(
            digest.hex(), row["provider"], row["reason"], row["reply_class"], row["received_at"], form
        )


async def _row(db: Transaction, merchant: MerchantId, reply_id: str) -> Row | None:
    found = await db.fetch(unassigned_replies, "digest", [bytes.fromhex(reply_id)])
    return found[0] if found and found[0]["merchant_id"] == merchant else None
