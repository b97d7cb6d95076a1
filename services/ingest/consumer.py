"""The event door: what people and shops ask for by right."""

from services.ingest import erasure, exports
from services.ingest.tables import system_tables
from shared import rights
from shared.bus.router import Router
from shared.events.consent import MerchantClosed, PrivacyRequested, RecipientErased
from shared.privacy import Sealer


def consumer(sealer: Sealer) -> Router:
    """Return the router of ingest's event door."""
    router = Router()
    router.on(RecipientErased)(erasure.forget)
    router.on(MerchantClosed)(erasure.forget_shops)
    router.on(PrivacyRequested)(rights.Exports(system_tables, sealer, exports.held).answer)
    return router
