"""The event entry point of ingest: privacy rights of people and merchants."""

from shared.bus.router import Router
from shared.rights import PrivacyHandlers


def create_router(privacy: PrivacyHandlers) -> Router:
    """Return the handlers of ingest's events."""
    router = Router()
    privacy.register(router)
    return router
