"""Privacy rights in connectors: erases a person, closes a merchant, and hands over a copy of what is held."""

from collections.abc import Sequence

from services.connectors import privacy_store
from services.connectors.notifications.planning import NotificationPlanner
from shared import rights
from shared.db.system_tables import SystemTables
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, RecipientErased
from shared.privacy import Sealer


class ConnectorsPrivacy:
    """Handlers of erasures, closings and export requests."""

    def __init__(self, system_tables: SystemTables, sealer: Sealer, planner: NotificationPlanner) -> None:
        self._system_tables = system_tables
        self._planner = planner
        self.export = rights.Exports(system_tables, sealer, privacy_store.held).answer

    async def erase(self, erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Blank what is held about erased people, and forward nothing more of what happened before."""
        await privacy_store.mark_erased(uow.db, erasures)
        for event in erasures:
            blanked = await privacy_store.blank_recipient(uow.db, event.recipient_id)
            rights.certify(uow, self._system_tables, event, blanked)

    async def close_merchants(self, closings: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Say that a shop has closed, once; blank what is held for one that asked for erasure, and say nothing."""
        for event in closings:
            if event.reason == rights.SHOP_ERASURE:
                blanked = await privacy_store.blank_merchant(uow.db, event.merchant_id)
                rights.certify(uow, self._system_tables, event, blanked)
            else:
                await self._planner.take([event], uow)
