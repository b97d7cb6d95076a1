"""Accepts delivery receipts: applies those that can change an attempt, in groups, and stores every callback."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

import orjson
from prometheus_client import Counter

from services.sender import store
from services.sender.instruments import ALARMS, RECEIPTS
from services.sender.numbers.backpressure import Backpressure
from services.sender.numbers.health import NumberHealth
from services.sender.providers.provider import Callback, Provider
from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import AttemptUpdate
from services.sender.queue.conclusion import Conclusion, Receipt, may_change
from services.sender.receipts.store import ReceivedReceipt, insert_receipts
from shared import aad, ids
from shared.batcher import Batcher
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.failpoints import failpoint
from shared.ids import AttemptId, MerchantId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

_GROUP_RECEIPTS: Final = 200
_LINGER_SECONDS: Final = 0.05
"""Only the provider waits for a receipt; those of one text arrive close together and then change its row once."""

log = logger(__name__)


class ReceiptIntake:
    """Stores receipts; repeats, delays and any order are harmless, because only a higher status changes anything."""

    def __init__(
        self, units: UnitOfWorkRunner, sealer: Sealer, backpressure: Backpressure, numbers: NumberHealth
    ) -> None:
        self._units = units
        self._numbers = numbers
        self._sealer = sealer
        self._batcher: Batcher[ReceivedReceipt, bool] = Batcher(
            self._commit,
            _GROUP_RECEIPTS,
            _LINGER_SECONDS,
            backpressure.hold_seconds,
            lambda received: received.merchant_id,
        )

    async def accept(
        self, provider: Provider, merchant_id: MerchantId, attempt_id: AttemptId, receipt: Receipt, callback: Callback
    ) -> None:
        """Commit one receipt.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider may call again.
        """
        received = self.received(provider, merchant_id, attempt_id, receipt, provider.redacted(callback))
        is_known = await self._batcher.add(received)
        failpoint("sender.after_receipt")
        _counter(provider.kind, receipt.status or "none").inc()
        if not is_known:
            ALARMS.labels("orphan_receipt").inc()
            log.error("receipt_without_attempt", attempt_id=str(attempt_id), merchant_id=merchant_id)

    def received(
        self,
        provider: Provider,
        merchant_id: MerchantId,
        attempt_id: AttemptId,
        receipt: Receipt,
        fields: Mapping[str, object],
    ) -> ReceivedReceipt:
        """Return a receipt with the fields that the provider wrote, sealed as every callback is stored."""
        receipt_id = ids.minted(self._units.clock.now())
        raw = self._sealer.seal(merchant_id, aad.receipt(receipt_id), orjson.dumps(fields))
        return ReceivedReceipt(receipt_id, attempt_id, merchant_id, provider.name, receipt, raw)

    async def accept_answers(self, answers: Sequence[ReceivedReceipt]) -> None:
        """Commit what providers answered when they were asked; it means what a receipt would have meant."""
        for start in range(0, len(answers), _GROUP_RECEIPTS):
            await self._commit(answers[start : start + _GROUP_RECEIPTS])

    async def _commit(self, received: Sequence[ReceivedReceipt]) -> list[bool]:
        known, changes = await self._units.run(lambda uow: _record(received, uow), WritePriority.OUTCOMES)
        attempt_recording.raise_alarms(changes)
        await self._numbers.note_receipts(changes)
        return [each.attempt_id in known for each in received]


@lru_cache(maxsize=64)  # kinds of providers by statuses; finding a labelled counter costs more than counting
def _counter(kind: str, status: str) -> Counter:
    return RECEIPTS.labels(kind, status)


async def _record(
    received: Sequence[ReceivedReceipt], uow: UnitOfWork
) -> tuple[Collection[AttemptId], Sequence[Conclusion | None]]:
    """Store every callback and apply those that may change an attempt; return the known attempts and the changes."""
    insert_receipts(received, uow)
    known = await store.snapshots(uow.db, {each.attempt_id for each in received})
    updates = [
        AttemptUpdate(each.attempt_id, snapshot.follow_up_id, each.receipt)
        for each in received
        if (snapshot := known.get(each.attempt_id)) is not None and may_change(each.receipt, snapshot)
    ]
    return known.keys(), await attempt_recording.record(updates, uow)
