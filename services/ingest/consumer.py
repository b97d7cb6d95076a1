"""The event door: erasures."""

from collections.abc import Sequence

from services.ingest import store
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import RecipientErased


def consumer() -> Router:
    """Return the router of ingest's event door."""
    router = Router()

    @router.on(RecipientErased)
    async def forget(erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Blank what is kept of erased people; twice is the same as once, and what comes later is new business."""
        await store.forget(uow.db, [erasure.recipient_id for erasure in erasures])

    return router
