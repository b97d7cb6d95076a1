"""Hands deliveries to a mail address of the merchant's: one mail each, or a digest where there are many."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from services.connectors.deliveries.mail_text import MailAccount, MailItem, mail_of
from services.connectors.deliveries.mail_transport import MailTransport
from services.connectors.deliveries.retries import DeliveryResult
from services.connectors.deliveries.store import ClaimedDelivery, OpenDelivery
from shared.config.directory import Merchant
from shared.config.notify import MailEndpoint

MOST_IN_A_DIGEST: Final = 100
MOST_SINGLE: Final = 3
"""So many that wait at once are a mail each; more are one digest."""


def grouped(claimed: Sequence[ClaimedDelivery], mails_left: int) -> list[Sequence[ClaimedDelivery]]:
    """Return which deliveries share a mail; the last mail of an hour holds all there is (pure)."""
    if len(claimed) <= MOST_SINGLE and len(claimed) < mails_left:
        return [[each] for each in claimed]
    return [claimed] if claimed else []


class MailChannel:
    """Writes mails."""

    def __init__(self, transport: MailTransport, sender: str) -> None:
        self._transport = transport
        self._sender = sender

    async def send(
        self, merchant: Merchant, endpoint: MailEndpoint, opened: Sequence[OpenDelivery], now: datetime
    ) -> DeliveryResult:
        """Send one mail about all of these, once."""
        config = merchant.config
        account = MailAccount(
            self._sender, endpoint.to, endpoint.name, merchant.id, config.brand, ZoneInfo(config.time_zone)
        )
        items = [_item(each) for each in sorted(opened, key=lambda each: each.delivery.id)]
        digest = f"-{len(items)}" if len(items) > 1 else ""
        return await self._transport.hand_over(mail_of(items, account, now), f"{items[0].id.hex}{digest}")


def _item(opened: OpenDelivery) -> MailItem:
    document: dict[str, Any] = orjson.loads(opened.body)
    return MailItem(opened.delivery.id, datetime.fromisoformat(document["timestamp"]), document["data"])
