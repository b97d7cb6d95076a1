"""Reads deliveries in quarantine again, as if they came now with the time they came at, and discards them."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from services.ingest import store as delivery_store
from services.ingest.credentials import SourceAccounts
from services.ingest.domain.announcements import Origin
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, ParseResult, QuarantineReason, Unreadable
from services.ingest.instruments import QUARANTINE_SETTLED
from services.ingest.preparation import DeliveryPreparer, ReceivedDelivery
from services.ingest.quarantine import store
from services.ingest.quarantine.store import KeptDelivery
from services.ingest.sources.adapter import Adapter, DeliveryContext
from shared import aad
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Unsealable
from shared.http.auth import Caller
from shared.ids import MerchantId
from shared.privacy import Sealer
from shared.service import Runtime
from shared.telemetry.logs import logger
from shared.worker_thread import in_worker_thread

MOST_AT_ONCE: Final = 100
"""Deliveries of one request; each is read and recorded alone, so that none can keep the others."""

log = logger(__name__)


class DeliveryRedriven(NamedTuple):
    """What became of a delivery in quarantine that was read again."""

    delivery_id: UUID
    outcome: DeliveryOutcome
    reason: str | None = None
    """Why it is still in quarantine."""


class Quarantine:
    """The deliveries of merchants that could not be read; another merchant's are never found."""

    def __init__(
        self,
        runtime: Runtime,
        accounts: SourceAccounts,
        preparer: DeliveryPreparer,
        sources: Mapping[str, Adapter],
        audit: AuditLog,
    ) -> None:
        self._units = runtime.units
        self._sealer: Sealer = runtime.sealer
        self._require_room = runtime.log.require_room
        self._accounts = accounts
        self._preparer = preparer
        self._sources = sources
        self._audit = audit

    async def newest(self, merchant: MerchantId, before: UUID, most: int) -> list[Row]:
        """Return deliveries before another, the newest first."""
        return await self._units.read(lambda db: store.newest(db, merchant, before, most))

    async def oldest(self, merchant: MerchantId, after: UUID, most: int) -> list[UUID]:
        """Return the ids of deliveries after another, the oldest first."""
        return await self._units.read(lambda db: store.oldest(db, merchant, after, most))

    async def redrive(self, caller: Caller, delivery_ids: Sequence[UUID]) -> list[DeliveryRedriven]:
        """Read deliveries again, the oldest first; those that are in quarantine no more are left out.

        Raises:
            Fault: the outbox is full, or the database away; what was read until then stays so.
        """
        merchant = caller.merchant.id
        found = await self._units.read(lambda db: store.with_bodies(db, merchant, delivery_ids))
        done = [await self._redrive(caller, delivery) for delivery in found]
        return [each for each in done if each is not None]

    async def discard(self, caller: Caller, delivery_ids: Sequence[UUID], reason: str) -> list[UUID]:
        """Take deliveries out of quarantine without reading them; return which ones were there.

        What they brought is kept as long as any delivery.
        """

        async def work(uow: UnitOfWork) -> list[UUID]:
            found = sorted(await store.kept(uow.db, caller.merchant.id, delivery_ids, lock=True))
            await store.leave(uow.db, found)
            await store.mark_discarded(uow.db, found)
            for each in found:
                self._audit.record(uow, caller.actor, _deed(caller, each, AuditAction.DELIVERY_DISCARDED, reason))
            return found

        found = await self._units.run(work, WritePriority.BATCHES)
        QUARANTINE_SETTLED.labels("discarded").inc(len(found))
        log.info("deliveries_discarded", merchant_id=caller.merchant.id, deliveries=len(found), by=caller.actor.id)
        return found

    async def _redrive(self, caller: Caller, delivery: KeptDelivery) -> DeliveryRedriven | None:
        """Read one delivery again, and record it as it is read now; None where somebody was faster."""
        row, merchant = delivery.quarantined, caller.merchant.id
        key = row["delivery_id"]
        try:
            read = await in_worker_thread(lambda: self._read(delivery), len(delivery.body))
        except (Unsealable, ValueError):
            return DeliveryRedriven(key, DeliveryOutcome.QUARANTINED, "no_longer_kept")
        if isinstance(read, Unreadable):
            return await self._still(merchant, key, read)
        self._require_room()
        prepared = self._preparer.prepare(read)

        async def work(uow: UnitOfWork) -> DeliveryOutcome | None:
            if key not in await store.kept(uow.db, merchant, [key], lock=True):
                return None
            [outcome] = await delivery_store.record_again(uow, [prepared])
            await store.leave(uow.db, [key])
            self._audit.record(uow, caller.actor, _deed(caller, key, AuditAction.DELIVERY_REDRIVEN, None))
            return outcome

        outcome = await self._units.run(work, WritePriority.INGEST)
        if outcome is None:
            return None
        QUARANTINE_SETTLED.labels(outcome.value).inc()
        return DeliveryRedriven(key, outcome)

    async def _still(self, merchant: MerchantId, key: UUID, why: Unreadable) -> DeliveryRedriven | None:
        """Store why a delivery cannot be read now, where it is still there."""

        async def work(uow: UnitOfWork) -> bool:
            is_there = key in await store.kept(uow.db, merchant, [key], lock=True)
            if is_there:
                await store.keep_reason(uow.db, key, why)
            return is_there

        is_there = await self._units.run(work, WritePriority.BATCHES)
        return DeliveryRedriven(key, DeliveryOutcome.QUARANTINED, why.reason.value) if is_there else None

    def _read(self, delivery: KeptDelivery) -> ReceivedDelivery | Unreadable:
        """Return a delivery as its source reads it now, or why it still cannot be read.

        Raises:
            Unsealable: it cannot be opened any more.
            ValueError: it is no longer kept.
        """
        row = delivery.quarantined
        merchant, source, key = MerchantId(row["merchant_id"]), row["source"], row["delivery_id"]
        account, adapter = self._accounts.of(merchant, source), self._sources.get(source)
        if account is None or adapter is None:
            return Unreadable(QuarantineReason.UNKNOWN_TOPIC, f"the source {source} is not in the merchant's file")
        body = self._sealer.open(merchant, aad.delivery_body(key), delivery.body)
        headers = orjson.loads(self._sealer.open(merchant, aad.delivery_headers(key), delivery.headers))
        context = DeliveryContext(headers, account.shop, row["received_at"])
        outcome: ParseResult = adapter.read(body, context)
        if isinstance(outcome, Unreadable):
            return outcome
        return ReceivedDelivery(
            origin=Origin(merchant, source, key, row["received_at"]),
            topic=row["topic"],
            repeat_keys=adapter.repeat_keys(headers),
            body=body,
            headers=headers,
            outcome=outcome,
        )


def _deed(caller: Caller, delivery_id: UUID, action: AuditAction, reason: str | None) -> Deed:
    """Return what was done with a delivery, for the audit log."""
    subject = AuditSubject(AuditSubjectKind.DELIVERY, str(delivery_id))
    return Deed(caller.merchant.id, action, subject, reason=reason)
