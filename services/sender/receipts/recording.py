"""Receipts: what providers report of texts, written down in groups, every raw callback kept."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

import orjson
from prometheus_client import Counter

from services.sender import store
from services.sender.instruments import ALARMS, RECEIPTS
from services.sender.numbers.backpressure import Backpressure
from services.sender.numbers.health import NumberHealth
from services.sender.providers.port import Callback, Provider
from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import Item
from services.sender.queue.conclusion import Conclusion, Receipt, is_news
from services.sender.tables import receipts
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
"""Nobody waits for a receipt but the provider; those of one text come close together and change its row once."""

log = logger(__name__)


class Reported(NamedTuple):
    """One receipt on its way into the database."""

    id: UUID
    attempt_id: AttemptId
    merchant_id: MerchantId
    provider: str
    receipt: Receipt
    raw: bytes
    """Sealed."""


class Receipts:
    """Takes receipts in; the status lattice makes repeats, delays and disorder harmless."""

    def __init__(
        self, units: UnitOfWorkRunner, sealer: Sealer, backpressure: Backpressure, numbers: NumberHealth
    ) -> None:
        self._units = units
        self._numbers = numbers
        self._sealer = sealer
        self._gathering: Batcher[Reported, bool] = Batcher(
            self._commit,
            _GROUP_RECEIPTS,
            _LINGER_SECONDS,
            backpressure.hold_seconds,
            lambda reported: reported.merchant_id,
        )

    async def take(
        self, provider: Provider, merchant_id: MerchantId, attempt_id: AttemptId, receipt: Receipt, callback: Callback
    ) -> None:
        """Commit one receipt.

        Raises:
            DatabaseUnavailable: nothing was stored; the provider may call again.
        """
        receipt_id = ids.minted(self._units.clock.now())
        raw = self._sealer.seal(merchant_id, aad.receipt(receipt_id), orjson.dumps(provider.redacted(callback)))
        is_ours = await self._gathering.add(Reported(receipt_id, attempt_id, merchant_id, provider.name, receipt, raw))
        failpoint("sender.after_receipt")
        _counter(provider.kind, receipt.status or "none").inc()
        if not is_ours:
            ALARMS.labels("orphan_receipt").inc()
            log.error("receipt_without_attempt", attempt_id=str(attempt_id), merchant_id=merchant_id)

    async def take_answers(self, answers: Sequence[Reported]) -> None:
        """Commit what providers said when they were asked: it means what a receipt would have meant."""
        for start in range(0, len(answers), _GROUP_RECEIPTS):
            await self._commit(answers[start : start + _GROUP_RECEIPTS])

    async def _commit(self, reported: Sequence[Reported]) -> list[bool]:
        known, changes = await self._units.run(lambda uow: _take_all(reported, uow), WritePriority.OUTCOMES)
        attempt_recording.raise_alarms(changes)
        await self._numbers.note_receipts(changes)
        return [one.attempt_id in known for one in reported]


@lru_cache(maxsize=64)  # kinds of providers by statuses; finding a labelled counter costs more than counting
def _counter(kind: str, status: str) -> Counter:
    return RECEIPTS.labels(kind, status)


async def _take_all(
    reported: Sequence[Reported], uow: UnitOfWork
) -> tuple[Collection[AttemptId], Sequence[Conclusion | None]]:
    """Keep every callback and apply what is news; return which attempts exist, and what changed."""
    for one in reported:
        uow.insert_later(
            receipts,
            {
                "id": one.id,
                "attempt_id": one.attempt_id,
                "merchant_id": one.merchant_id,
                "provider": one.provider,
                "provider_message_id": one.receipt.provider_message_id,
                "status": one.receipt.status,
                "raw": one.raw,
                "received_at": uow.now,
            },
        )
    known = await store.snapshots(uow.db, {one.attempt_id for one in reported})
    items = [
        Item(one.attempt_id, seen.follow_up_id, one.receipt)
        for one in reported
        if (seen := known.get(one.attempt_id)) is not None and is_news(one.receipt, seen)
    ]
    return known.keys(), await attempt_recording.record(items, uow)
