"""The event entry point of ingest: privacy rights of people and merchants."""

from services.ingest import privacy_store
from services.ingest.tables import system_tables
from shared.bus.router import Router
from shared.privacy import Sealer
from shared.rights import PrivacyHandlers


def create_router(sealer: Sealer) -> Router:
    """Return the handlers of ingest's events. What arrives after an erasure is stored as of a new person."""
    router = Router()
    PrivacyHandlers(
        system_tables, sealer, privacy_store.blank_recipient, privacy_store.blank_merchant, privacy_store.held
    ).register(router)
    return router
