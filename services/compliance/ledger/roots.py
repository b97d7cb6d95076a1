"""Time's door of the ledger: once a day is over, each merchant's entries of that day get one signed root."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from services.compliance.ledger.entries import GENESIS, daily_root
from services.compliance.ledger.signing import SigningKey
from services.compliance.tables import daily_roots, ledger
from shared.clock import Clock
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop
from shared.telemetry.logs import logger

log = logger(__name__)

GRACE = timedelta(hours=1)
"""How long after midnight UTC a day is signed: by then every unit that began before has committed."""
_FIRST_DAY = "2000-01-01"
_DAYS_LOOKED_AT = 1000
_ODD_SHOWN = 3
_DAYS_AT_ONCE = 7
_LOOK_AGAIN_SECONDS = 600.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Root:
    """One merchant's day, before it is signed."""

    merchant: str
    day: date
    previous: str
    root: str
    people: int


class RootKeeper:
    """Signs what is finished; a second keeper of the same ledger changes nothing."""

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
        made = await self._units.read(lambda db: unsigned(db, finished))
        if not made:
            self._through = finished
            return _LOOK_AGAIN_SECONDS

        async def work(uow: UnitOfWork) -> None:
            await uow.db.insert_new(daily_roots, [self._row(root, uow.now) for root in made])

        await self._units.run(work, WritePriority.BATCHES)
        return 0.0

    def _row(self, root: Root, now: datetime) -> dict[str, object]:
        return {
            "merchant_id": root.merchant,
            "day": root.day.isoformat(),
            "previous": root.previous,
            "root": root.root,
            "people": root.people,
            "public_key": self._key.public_key,
            "signature": self._key.signature(root.root),
            "signed_at": now,
        }


async def unsigned(db: Transaction, finished: date) -> list[Root]:
    """Return the roots of the first days without, oldest first; nothing when every finished day has its own."""
    newest = await _newest_day(db, finished)
    after = _midnight(newest + _DAY) if newest else datetime.min.replace(tzinfo=UTC)
    before = _midnight(finished + _DAY)
    found = await db.rows(
        sa.select(sa.func.min(ledger.c.recorded_at, type_=ledger.c.recorded_at.type).label("first")).where(
            *_recorded(after, before)
        )
    )
    if found[0]["first"] is None:
        return []
    start = _midnight(found[0]["first"].date())
    columns = (ledger.c.merchant_id, ledger.c.recipient_id, ledger.c.hash, ledger.c.recorded_at)
    rows = await db.rows(
        sa.select(*columns)
        .where(*_recorded(start, min(before, start + _DAYS_AT_ONCE * _DAY)))
        .order_by(ledger.c.recipient_id, ledger.c.position)
    )
    return _chained(_heads(rows), await _newest_roots(db, newest))


async def _newest_day(db: Transaction, finished: date) -> date | None:
    """Return the newest day with a root; what is no day that is over was written by somebody else, and stops nobody."""
    is_ours = (daily_roots.c.day >= _FIRST_DAY, daily_roots.c.day <= finished.isoformat())
    odd = sa.select(daily_roots.c.merchant_id, daily_roots.c.day).where(sa.not_(sa.and_(*is_ours))).limit(_ODD_SHOWN)
    for row in await db.rows(odd):
        _tell_of(row)
    days = sa.select(daily_roots.c.merchant_id, daily_roots.c.day).where(*is_ours).order_by(daily_roots.c.day.desc())
    for row in await db.rows(days.limit(_DAYS_LOOKED_AT)):
        if (day := _day(row["day"])) is not None:
            return day
        _tell_of(row)
    return None


def _day(written: str) -> date | None:
    """Return the day of a root, or None where it is not written as we write days."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    return day if day.isoformat() == written else None


def _tell_of(row: Row) -> None:
    log.error(
        "ledger_root_unreadable",
        merchant=str(row["merchant_id"]),
        day=str(row["day"]),
        effect="this root proves nothing; other days are signed",
        advice="`followup ledger verify` names what was changed; restore the row from a backup",
    )


def _recorded(start: datetime, end: datetime) -> Sequence[sa.ColumnElement[bool]]:
    return (ledger.c.recorded_at >= start, ledger.c.recorded_at < end)


def _heads(rows: Sequence[Row]) -> dict[tuple[date, str], dict[str, str]]:
    """Return each day's and merchant's newest hash of each person; rows are oldest first within a person."""
    heads: dict[tuple[date, str], dict[str, str]] = {}
    for row in rows:
        key = (row["recorded_at"].date(), str(row["merchant_id"]))
        heads.setdefault(key, {})[str(row["recipient_id"])] = row["hash"]
    return heads


async def _newest_roots(db: Transaction, until: date | None) -> dict[str, str]:
    """Return each merchant's newest root of a day up to `until`."""
    if until is None:
        return {}
    newest = sa.select(daily_roots.c.merchant_id, sa.func.max(daily_roots.c.day).label("day"))
    of_days = newest.where(daily_roots.c.day >= _FIRST_DAY, daily_roots.c.day <= until.isoformat())
    last = of_days.group_by(daily_roots.c.merchant_id).subquery()
    rows = await db.rows(
        sa.select(daily_roots.c.merchant_id, daily_roots.c.root).join(
            last, sa.and_(daily_roots.c.merchant_id == last.c.merchant_id, daily_roots.c.day == last.c.day)
        )
    )
    return {str(row["merchant_id"]): str(row["root"]) for row in rows}


def _chained(heads: Mapping[tuple[date, str], Mapping[str, str]], newest: Mapping[str, str]) -> list[Root]:
    """Return a root for each day and merchant, each naming the merchant's one before."""
    previous = dict(newest)
    made = []
    for (day, merchant), people in sorted(heads.items()):
        before = previous.get(merchant, GENESIS)
        root = daily_root(merchant, day.isoformat(), before, people)
        made.append(Root(merchant, day, before, root, len(people)))
        previous[merchant] = root
    return made


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
