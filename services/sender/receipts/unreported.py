"""Rows of texts whose end nobody has told, found by the account that knows it."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from services.sender.receipts.poll_schedule import Unreported
from services.sender.tables import UNREPORTED, attempts, closed_merchants, recipients
from shared.db.transaction import Transaction
from shared.ids import AttemptId, FollowUpId, MerchantId, RecipientId

NEXT_ACCOUNT = (
    sa.select(attempts.c.merchant_id, attempts.c.provider, attempts.c.ask_at)
    .where(
        UNREPORTED,
        sa.tuple_(attempts.c.merchant_id, attempts.c.provider)
        > sa.tuple_(sa.bindparam("merchant_id"), sa.bindparam("provider")),
    )
    .order_by(attempts.c.merchant_id, attempts.c.provider, attempts.c.ask_at)
    .limit(1)
)
"""The account after another one that has texts without an end, and when the first of them is asked about."""
TO_ASK = (
    sa.select(
        attempts.c.id,
        attempts.c.follow_up_id,
        attempts.c.merchant_id,
        attempts.c.recipient_id,
        attempts.c.provider,
        attempts.c.provider_message_id,
        attempts.c.accepted_at,
        attempts.c.ask_at,
    )
    .where(
        attempts.c.merchant_id == sa.bindparam("merchant_id"),
        attempts.c.provider == sa.bindparam("provider"),
        attempts.c.ask_at <= sa.bindparam("now"),
    )
    .order_by(attempts.c.ask_at)
    .limit(sa.bindparam("most"))
)


async def not_to_be_asked(db: Transaction, texts: Sequence[Unreported]) -> set[Unreported]:
    """Return those of people who asked to be forgotten, and of shops that left."""
    asked, shops = sorted({each.recipient_id for each in texts}), sorted({each.merchant_id for each in texts})
    people = await db.fetch(recipients, "recipient_id", asked, columns=("recipient_id", "erased_at"))
    erased = {row["recipient_id"] for row in people if row["erased_at"] is not None}
    closed = {row["merchant_id"] for row in await db.fetch(closed_merchants, "merchant_id", shops)}
    return {each for each in texts if each.recipient_id in erased or each.merchant_id in closed}


async def to_ask(db: Transaction, account: tuple[str, str], now: datetime, most: int) -> list[Unreported]:
    """Return an account's texts whose provider is to be asked now, those that wait longest first."""
    merchant_id, provider = account
    rows = await db.rows(TO_ASK, {"merchant_id": merchant_id, "provider": provider, "now": now, "most": most})
    return [
        Unreported(
            attempt_id=AttemptId(row["id"]),
            follow_up_id=FollowUpId(row["follow_up_id"]),
            merchant_id=MerchantId(row["merchant_id"]),
            recipient_id=RecipientId(row["recipient_id"]),
            provider=row["provider"],
            provider_message_id=row["provider_message_id"] or "",
            accepted_at=row["accepted_at"],
            ask_at=row["ask_at"],
        )
        for row in rows
    ]
