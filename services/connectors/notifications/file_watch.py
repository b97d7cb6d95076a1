"""Tells a merchant when its files have errors and are not in force: once for each state of them, and again each day."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from services.connectors.notifications.notices import Notice
from services.connectors.notifications.planning import NotificationPlanner
from shared import ids
from shared.config.directory import MerchantDirectory
from shared.config.problem import Problem, Severity
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import MerchantId
from shared.vocabulary.notification_kinds import NotificationKind

_LOOK_AGAIN_SECONDS: Final = 60.0
_MOST_NAMED: Final = 5
_FLOWS: Final = "flows"


class FileWatch:
    """Looks at what is wrong with the files of merchants whose last good version is in force."""

    def __init__(self, units: UnitOfWorkRunner, merchants: MerchantDirectory, planner: NotificationPlanner) -> None:
        self._units = units
        self._merchants = merchants
        self._planner = planner
        self._told: set[UUID] = set()
        """What this process has planned; another one, or after a restart, plans the same delivery, which is known."""

    async def step(self) -> float:
        """Plan a notice for each merchant with errors, and return the seconds until the next look."""
        found = self._notices(self._units.clock.now())
        fresh = [notice for notice in found if notice.cause not in self._told]
        if fresh:

            async def work(uow: UnitOfWork) -> None:
                for notice in fresh:
                    self._planner.plan(notice, uow)

            await self._units.run(work, WritePriority.BATCHES)
        self._told = {notice.cause for notice in found}
        return _LOOK_AGAIN_SECONDS

    def _notices(self, now: datetime) -> list[Notice]:
        errors = [each for each in self._merchants.problems if each.severity is Severity.ERROR]
        found = []
        for merchant in self._merchants.merchants:
            own = [problem for problem in errors if _merchant_in(problem.file) == merchant.id]
            if own and merchant.config.notify.endpoints:
                found.append(notice_of(merchant.id, own, now))
        return found


def notice_of(merchant: MerchantId, errors: Iterable[Problem], now: datetime) -> Notice:
    """Return what a merchant is told of errors in its files: places, not what the files say (pure)."""
    listed = sorted(errors)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    places = list(dict.fromkeys(f"{Path(each.file).name}, line {each.line}" for each in listed))
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    return Notice(
        NotificationKind.FILES_NOT_IN_FORCE,
        merchant,
        ids.derived("file-errors", merchant, *listed, at=day),
        day,
        f"Files of {merchant} have errors, and their last good version stays in force: "
        f"{'; '.join(places[:_MOST_NAMED])}{more}. `followup lint` says what to write.",
        {"errors": len(listed), "places": places[:_MOST_NAMED]},
        told_at=now,
    )


def _merchant_in(file: str) -> str:
    """Return whose file it is: merchants/NAME/merchant.yaml, or merchants/NAME/flows/FLOW.yaml."""
    folder = Path(file).parent
    return folder.parent.name if folder.name == _FLOWS else folder.name
