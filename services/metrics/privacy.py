"""Privacy rights in metrics: erasure of people and merchants, and copies of what is held about a person."""

from services.metrics import privacy_store
from shared.db.system_tables import SystemTables
from shared.privacy import Sealer
from shared.rights import PrivacyHandlers


def create_privacy(system_tables: SystemTables, sealer: Sealer) -> PrivacyHandlers:
    """Return the handlers. Figures stay, and can still be rebuilt from the blanked facts."""
    return PrivacyHandlers(
        system_tables, sealer, privacy_store.blank_recipient, privacy_store.blank_merchant, privacy_store.held
    )
