"""Makes a delivery of each notice for each endpoint of the merchant that wants it."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import orjson

from services.connectors.deliveries import store
from services.connectors.deliveries.states import DeliveryState
from services.connectors.notifications.notices import Notice, NotifiedEvent, notices_of
from shared import aad, ids
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.notify import NotifyEndpoint
from shared.controls import EVERY_MERCHANT
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Unsealable
from shared.events.engagement import ReplyReceived
from shared.events.trigger import Contact
from shared.loop import LoopWaker
from shared.phone import E164, masked
from shared.privacy import Sealer


class NotificationPlanner:
    """Turns events into deliveries; the same event again makes the same ones, and changes nothing."""

    def __init__(self, merchants: MerchantDirectory, sealer: Sealer, process_url: str) -> None:
        self._merchants = merchants
        self._sealer = sealer
        self._process_url = process_url
        self.waker = LoopWaker()
        """Wakes the loop that delivers."""

    async def take(self, events: Iterable[NotifiedEvent], uow: UnitOfWork) -> None:
        """Store what the events are worth telling; of erased people nothing is forwarded any more."""
        wanted = [event for event in events if any(self._told_of(event.merchant_id))]
        people = sorted({event.recipient_id for event in wanted})
        erased = await store.erased_among(uow.db, people)
        for event in wanted:
            erased_at = erased.get(event.recipient_id)
            if erased_at is None or event.occurred_at > erased_at:
                for notice in notices_of(event, self._number_in(event)):
                    self.plan(notice, uow)

    def plan(self, notice: Notice, uow: UnitOfWork, only: str | None = None) -> list[UUID]:
        """Store a notice for every endpoint that wants it, or for one alone; return the ids of the deliveries."""
        planned = []
        for merchant in self._told_of(notice.merchant_id):
            for endpoint in merchant.config.notify.endpoints:
                if endpoint.wants(notice.kind) and only in {None, endpoint.name}:
                    row = self._row(notice, merchant, endpoint, uow)
                    uow.write_last(store.add, row)
                    uow.after_commit(self.waker.wake)
                    planned.append(UUID(str(row["delivery_id"])))
        return planned

    def _told_of(self, merchant_id: str) -> Iterator[Merchant]:
        """Yield the merchants that a notice concerns, where they have any endpoint."""
        named = self._merchants.get(merchant_id)
        every = self._merchants.merchants if merchant_id == EVERY_MERCHANT else ()
        yield from (each for each in (*every, named) if each is not None and each.config.notify.endpoints)

    def _row(self, notice: Notice, merchant: Merchant, endpoint: NotifyEndpoint, uow: UnitOfWork) -> dict[str, Any]:
        parts = (notice.cause, notice.kind.value, merchant.id, endpoint.name)
        key = ids.derived("notification", *parts, at=notice.at)
        body = {
            "type": notice.kind.value,
            "timestamp": (notice.told_at or notice.at).isoformat(),
            "data": {"merchant": merchant.id, "sentence": notice.sentence, **notice.data, **self._links(notice)},
        }
        return {
            "delivery_id": key,
            "merchant_id": merchant.id,
            "endpoint": endpoint.name,
            "kind": notice.kind.value,
            "recipient_id": notice.recipient_id,
            "state": DeliveryState.PENDING.value,
            "body": self._sealer.seal(merchant.id, aad.notification_body(key), orjson.dumps(body)),
            "attempts": 0,
            "created_at": uow.now,
            "tried_since": uow.now,
            "next_at": uow.now,
            "ended_at": None,
            "problem": None,
            "detail": None,
        }

    def _links(self, notice: Notice) -> dict[str, str]:
        """Return where more is found, by those who may read it."""
        found = {}
        if notice.recipient_id is not None:
            found["conversation_url"] = f"{self._process_url}/v1/conversations/{notice.recipient_id}"
        if follow_up := notice.data.get("follow_up_id"):
            found["follow_up_url"] = f"{self._process_url}/v1/follow-ups/{follow_up}"
        return found

    def _number_in(self, event: NotifiedEvent) -> str | None:
        """Return the masked number of a person who wrote; None where it is not known any more."""
        if not isinstance(event, ReplyReceived) or not event.contact:
            return None
        try:
            clear = self._sealer.open(event.merchant_id, aad.contact(event.recipient_id), event.contact)
        except Unsealable:
            return None
        return masked(E164(Contact.model_validate_json(clear).phone))
