"""The event entry point of connectors: what merchants are notified of, and privacy rights."""

from collections.abc import Sequence
from typing import Any

from services.connectors.notifications.planning import NotificationPlanner
from services.connectors.privacy import ConnectorsPrivacy
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, PrivacyRequested, RecipientErased
from shared.events.control import ApprovalAsked, ControlChanged
from shared.events.dispatch import DispatchUnknown
from shared.events.engagement import ReplyReceived, ReplyReviewed


def create_router(planner: NotificationPlanner, privacy: ConnectorsPrivacy) -> Router:
    """Return the handlers of connectors' events."""
    router = Router()

    async def notify(events: Sequence[Any], uow: UnitOfWork) -> None:
        """Store a delivery for each endpoint that wants to know; the same event again changes nothing.

        The events are of the types it is registered for.
        """
        await planner.take(events, uow)

    router.on(ReplyReceived, ReplyReviewed, DispatchUnknown, ControlChanged, ApprovalAsked)(notify)
    router.on(RecipientErased)(privacy.erase)
    router.on(MerchantClosed)(privacy.close_merchants)
    router.on(PrivacyRequested)(privacy.export)
    return router
