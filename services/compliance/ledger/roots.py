"""Signs the ledger: once a UTC day is over, the entries of each merchant's day get one signed root."""

from collections.abc import Mapping
from datetime import date, timedelta

from services.compliance.ledger import store
from services.compliance.ledger.store import Heads, Root
from shared.chain import GENESIS, daily_root
from shared.clock import Clock
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop
from shared.signing import SigningKey

GRACE = timedelta(hours=1)
"""How long after midnight UTC a day is signed: by then every unit that began before has committed."""
_LOOK_AGAIN_SECONDS = 600.0
_DAY = timedelta(days=1)


class RootKeeper:
    """Signs finished days; a second keeper of the same ledger changes nothing."""

    def __init__(self, units: UnitOfWorkRunner, clock: Clock, key: SigningKey) -> None:
        self._units = units
        self._clock = clock
        self._key = key
        self._through: date | None = None

    def loop(self) -> Loop:
        """Return the loop that signs."""
        return Loop("sign_ledger", self.step, longest_seconds=SLOW_SECONDS)

    async def step(self) -> float:
        """Sign up to a week of finished days and return the seconds until there may be more."""
        finished = (self._clock.now() - GRACE).date() - _DAY
        if self._through is not None and finished <= self._through:
            return _LOOK_AGAIN_SECONDS
        roots = await self._units.read(lambda db: _unsigned(db, finished))
        if not roots:
            self._through = finished
            return _LOOK_AGAIN_SECONDS

        async def work(uow: UnitOfWork) -> None:
            signed = [(root, self._key.signature(root.root)) for root in roots]
            await store.save_roots(uow.db, signed, self._key.public_key, uow.now)

        await self._units.run(work, WritePriority.BATCHES)
        return 0.0


async def _unsigned(db: Transaction, finished: date) -> list[Root]:
    """Return the roots of the first days without, oldest first; empty when every finished day has its root."""
    newest = await store.newest_day(db, finished)
    heads = await store.unsigned_heads(db, newest, finished)
    return _chained(heads, await store.newest_roots(db, newest)) if heads else []


def _chained(heads: Heads, newest: Mapping[str, str]) -> list[Root]:
    """Return a root for each day and merchant; each names the merchant's root before it."""
    previous = dict(newest)
    roots = []
    for (day, merchant), people in sorted(heads.items()):
        before = previous.get(merchant, GENESIS)
        root = daily_root(merchant, day.isoformat(), before, people)
        roots.append(Root(merchant, day, before, root, len(people)))
        previous[merchant] = root
    return roots
