"""How many texts of a merchant are planned and not ended: counted in the units that plan and settle them.

A row for each merchant and partition: the replica that holds a partition is nearly alone in changing its rows. They are
changed last in their unit, so that nobody waits for them long.
"""

from collections import Counter
from collections.abc import Iterable

from services.scheduler.store import FollowUp
from services.scheduler.tables import pending_counts
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.ids import MerchantId
from shared.vocabulary.follow_up_states import OPEN, FollowUpState


def note(uow: UnitOfWork, texts: Iterable[tuple[FollowUp, FollowUpState | None, FollowUpState]]) -> None:
    """Count texts that were planned, or moved from one state to another."""
    changes: Counter[tuple[MerchantId, int]] = Counter()
    for text, before, after in texts:
        if change := int(after in OPEN) - int(before in OPEN):
            changes[text.merchant_id, text.partition] += change
    for (merchant, partition), change in changes.items():
        uow.add_later(pending_counts, {"merchant_id": merchant, "partition": partition}, "texts", change)


async def counts(db: Transaction, merchants: Iterable[MerchantId]) -> Counter[MerchantId]:
    """Return how many texts of these merchants are planned and not ended, but for what this unit changes itself."""
    rows = await db.fetch(pending_counts, "merchant_id", sorted(set(merchants)))
    found: Counter[MerchantId] = Counter()
    for row in rows:
        found[MerchantId(row["merchant_id"])] += row["texts"]
    return found
