"""The event entry point of ingest: privacy rights of people and merchants."""

from services.ingest.privacy import PrivacyHandlers
from shared.bus.router import Router
from shared.events.consent import MerchantClosed, PrivacyRequested, RecipientErased


def create_router(privacy: PrivacyHandlers) -> Router:
    """Return the handlers of ingest's events."""
    router = Router()
    router.on(RecipientErased)(privacy.erase_recipients)
    router.on(MerchantClosed)(privacy.erase_merchants)
    router.on(PrivacyRequested)(privacy.export)
    return router
