"""Privacy rights in ingest: erasure of people and merchants, and copies of what is held about a person."""

from services.ingest import privacy_store
from shared.db.system_tables import SystemTables
from shared.privacy import Sealer
from shared.rights import PrivacyHandlers


def create_privacy(system_tables: SystemTables, sealer: Sealer) -> PrivacyHandlers:
    """Return the handlers. What arrives after an erasure is stored as of a new person."""
    return PrivacyHandlers(
        system_tables, sealer, privacy_store.blank_recipient, privacy_store.blank_merchant, privacy_store.held
    )
