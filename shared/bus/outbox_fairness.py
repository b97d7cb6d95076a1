"""Merchants share the outbox: while more waits than one round takes, half of each round is divided evenly among them.

The other half are the oldest rows, so that no event waits for ever, however many merchants there are. A round always
takes a merchant's oldest events, so each merchant's events, and with them each recipient's, keep their order.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from shared.db.postgres_session import PostgresSession
from shared.db.transaction import Row, Transaction

MERCHANT = "merchant_id"


async def prepare(transaction: Transaction, table: sa.Table) -> None:
    """Add column and index to an outbox that has none yet."""
    found = await transaction.rows(sa.select(sa.func.to_regclass(f"ix_{table.name}_turns").is_not(None).label("there")))
    if found[0]["there"]:
        return
    name = table.name
    add = f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {MERCHANT} text NOT NULL DEFAULT ''"
    await transaction.execute(sa.text(add))
    await transaction.execute(sa.text(f"CREATE INDEX IF NOT EXISTS ix_{name}_turns ON {name} ({MERCHANT}, id)"))


class FairSelection:
    """Chooses the rows of a round."""

    def __init__(self, table: sa.Table, round_rows: int) -> None:
        self._table = table
        self._half = round_rows // 2
        self._most = round_rows
        self._merchants = _merchants_of(table.name, self._half)
        self._oldest_of_each = _oldest_of_each(table.name)

    async def taken(self, session: PostgresSession, oldest: Sequence[Row]) -> list[Row]:
        """Return the rows of a round in the order of their ids, where `oldest` are the oldest of more than fit.

        Raises:
            DatabaseUnavailable: the session is lost.
        """
        merchants = [row[MERCHANT] for row in await session.rows(self._merchants)]
        if len(merchants) <= 1:
            return [*oldest]
        each = max(1, self._half // len(merchants))
        wanted = self._oldest_of_each.bindparams(merchants=merchants, each=each)
        dealt = {int(row["id"]) for row in await session.rows(wanted)}
        there = {row["id"]: row for row in oldest}
        missing = sorted(dealt - there.keys())
        if missing:
            their = sa.select(self._table).where(self._table.c.id == sa.any_(sa.literal(missing, ARRAY(sa.BigInteger))))
            there |= {row["id"]: row for row in await session.rows(their)}
        chosen = dealt & there.keys()
        for row in oldest:
            if len(chosen) >= self._most:
                break
            chosen.add(row["id"])
        return [there[number] for number in sorted(chosen)]


def _merchants_of(name: str, most: int) -> sa.TextClause:
    """Return the query for the merchants with waiting events: one probe of the index for each."""
    return sa.text(f"""
        WITH RECURSIVE each_merchant(merchant_id) AS (
            (SELECT merchant_id FROM {name} ORDER BY merchant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT o.merchant_id FROM {name} o WHERE o.merchant_id > e.merchant_id
                    ORDER BY o.merchant_id LIMIT 1)
            FROM each_merchant e WHERE e.merchant_id IS NOT NULL
        )
        SELECT merchant_id FROM each_merchant WHERE merchant_id IS NOT NULL LIMIT {most}
    """)  # noqa: S608 - our own names


def _oldest_of_each(name: str) -> sa.TextClause:
    """Return the question for the oldest rows of each of some merchants."""
    return sa.text(f"""
        SELECT o.id FROM unnest(CAST(:merchants AS text[])) AS m(merchant_id)
        CROSS JOIN LATERAL (
            SELECT id FROM {name} WHERE merchant_id = m.merchant_id ORDER BY id LIMIT CAST(:each AS int)
        ) o
    """)  # noqa: S608 - our own names
