"""Privacy rights in metrics: erases a person or a merchant, and hands over a copy of what is held about a person."""

from collections.abc import Sequence

from services.metrics import privacy_store
from shared import rights
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, PrivacyRequested, RecipientErased
from shared.privacy import Sealer


class PrivacyHandlers:
    """Handlers of erasures, closings and export requests."""

    def __init__(self, system_tables: SystemTables, sealer: Sealer) -> None:
        self._system_tables = system_tables
        self.export = rights.Exports(system_tables, sealer, self._held).answer

    async def erase_recipients(self, erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Remove the names of orders from erased people's facts, and what is encrypted in their parked events."""
        for erasure in erasures:
            rows = await privacy_store.blank_recipient(uow.db, erasure.recipient_id)
            parked = await rights.strip_parked(uow.db, self._system_tables, erasure.recipient_id)
            rights.certify(uow, self._system_tables, erasure, rows | {self._system_tables.parked.name: parked})

    async def erase_merchants(self, closings: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Remove the names of orders from all facts of merchants that asked for erasure."""
        for closing in closings:
            if closing.reason == rights.SHOP_ERASURE:
                rows = await privacy_store.blank_merchant(uow.db, closing.merchant_id)
                rights.certify(uow, self._system_tables, closing, rows)

    async def _held(self, db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
        tables = await privacy_store.held(db, request.recipient_id, request.merchant_id, sealer)
        parked = await rights.parked_rows(db, self._system_tables, request.recipient_id, sealer)
        return {**tables, self._system_tables.parked.name: parked}
