"""Wrong passwords: counted by user and UTC day, and entered in the audit log at the 1st, 10th, 100th of a day.

So whoever guesses adds one row a user and day, and an entry for each power of ten, however often they try. Names
without a user are not kept.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.console.accounts import failed_sign_in_store, user_store
from services.console.accounts.account_log import AccountLog
from shared.audit import Actor, ActorKind, AddressClass, AuditAction
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner

_KEPT: Final = timedelta(days=2)
"""A row is counted up on its own UTC day alone."""


@dataclass(frozen=True, slots=True)
class FailedSignIns:
    """Counts them, after the answer was sent: how long an answer takes must not say whether there is such a user."""

    units: UnitOfWorkRunner
    log: AccountLog

    async def count(self, name: str, what: str, origin: AddressClass) -> None:
        """Count one wrong guess at `what` (`password`, `code`) of a user, if there is one of this name."""

        async def work(uow: UnitOfWork) -> None:
            user = await user_store.find(uow.db, name)
            if user is None:
                return
            day = uow.now.date().isoformat()
            today = await failed_sign_in_store.added(uow.db, user.name, day, ends_at=uow.now + _KEPT)
            if is_entered(today):
                stranger = Actor(ActorKind.STRANGER, "", origin)
                action, counts = AuditAction.SIGN_IN_FAILED, {"today": today}
                self.log.about_user(uow, stranger, user.merchant_id, action, user.name, fields=(what,), counts=counts)

        await self.units.run(work, WritePriority.BATCHES)


def is_entered(today: int) -> bool:
    """Return whether a failure is entered that is the so manieth of its day: one, ten, a hundred and so on."""
    return str(today).rstrip("0") == "1"
