"""Privacy rights in the sender: erases a person, closes a merchant, and hands over a copy of what is held."""

from collections.abc import Sequence

from services.sender import privacy_store, recipient_store
from shared import rights
from shared.db.system_tables import SystemTables
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, RecipientErased, SuppressionCause
from shared.privacy import Sealer


class SenderPrivacy:
    """Handlers of erasures, closings and export requests."""

    def __init__(self, system_tables: SystemTables, sealer: Sealer) -> None:
        self._system_tables = system_tables
        self.export = rights.Exports(system_tables, sealer, privacy_store.held).answer

    async def erase(self, erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Blank what is sealed. The person's row stays, suppressed and marked, so that a late clearance finds it.

        Their dispatches are locked before their own row, as everywhere.
        """
        merchants = {event.recipient_id: event.merchant_id for event in erasures}
        await privacy_store.lock_dispatches(uow.db, list(merchants))
        people = await recipient_store.lock_recipients(uow.db, merchants)
        await recipient_store.save_recipients(
            uow.db,
            [
                person._replace(
                    erased_at=max(event.occurred_at, uow.now),
                    permission=person.permission._replace(suppressed=SuppressionCause.ERASED),
                    text_key=None,
                )
                for event in erasures
                for person in (people[event.recipient_id],)
            ],
        )
        for event in erasures:
            blanked = await privacy_store.blank_recipient(uow.db, event.recipient_id)
            rights.certify(uow, self._system_tables, event, blanked)

    async def close_merchants(self, closings: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Send nothing more for these merchants, and blank what is held for those that asked for erasure."""
        for event in closings:
            await privacy_store.close_merchant(uow.db, event)
            if event.reason == rights.SHOP_ERASURE:
                blanked = await privacy_store.blank_merchant(uow.db, event.merchant_id)
                rights.certify(uow, self._system_tables, event, blanked)
