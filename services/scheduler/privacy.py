"""Privacy rights in the scheduler: erasure of recipients and of closed merchants, and exports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from services.scheduler import privacy_store, store
from services.scheduler.lifecycle.transitions import cancel
from services.scheduler.runs import store as runs
from shared import rights
from shared.db.system_tables import SystemTables
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, RecipientErased

_CLOSING_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Privacy:
    """Erases what the scheduler holds about people; states, and the guards against later events, stay."""

    system_tables: SystemTables
    exports: rights.Exports
    unconfirmed_after: timedelta

    async def erase_recipients(self, events: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Cancel everything, blank what is sealed, and store the erasure so that later triggers start nothing."""
        running = await store.load_open(uow.db, [event.recipient_id for event in events])
        people = await runs.people(uow.db, events)
        await cancel(uow, [*running.values()], "erased", self.unconfirmed_after)
        for event in events:
            rows = await privacy_store.blank_recipient(uow.db, event.recipient_id)
            rights.certify(uow, self.system_tables, event, rows)
        erased = {**privacy_store.BLANK_COUNTERS, "erased_at": uow.now}
        await runs.save_people(uow.db, [replace(person, **erased) for person in people.values()])

    async def close_merchants(self, events: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Cancel everything of a merchant; its earlier triggers start nothing from now on. Rare; scans the table."""
        for event in events:
            await runs.close_merchant(uow.db, event)
            ids = await store.running_of_merchant(uow.db, event.merchant_id)
            for start in range(0, len(ids), _CLOSING_BATCH):
                running = await store.load(uow.db, "id", ids[start : start + _CLOSING_BATCH])
                await cancel(uow, [*running.values()], "merchant_closed", self.unconfirmed_after)
            if event.reason == rights.SHOP_ERASURE:
                rows = await privacy_store.blank_merchant(uow.db, event.merchant_id)
                rights.certify(uow, self.system_tables, event, rows)
