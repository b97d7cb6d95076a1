"""What keeps the tables of metrics from growing for ever: numbers stay as long as the facts behind them."""

from collections.abc import Sequence
from typing import Final

from services.metrics.schema import ground
from services.metrics.tables import customer_orders, facts, follow_ups, rollups, sessions
from shared.db.ground import kept_of
from shared.db.kept import Kept, Way, for_ever

_WHY: Final = "every number can be recomputed from its facts; quotas bound how many a merchant makes"

BOUNDS: Final[Sequence[Kept]] = (
    for_ever(facts.name, "a thing that happened", _WHY),
    for_ever(rollups.name, "an hour and dimensions that had something", _WHY),
    for_ever(follow_ups.name, "a text", _WHY),
    for_ever(customer_orders.name, "a purchase", _WHY),
    Kept(sessions.name, "a sign-in, or a code for one", Way.WORK, "until it ends; the next sign-in takes it out"),
    *kept_of(ground),
)
"""Every table of metrics, and what keeps it from growing for ever."""
