"""The durable record of every accepted text, never merged and never deleted: the evidence of what was sent twice."""

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from services.simulator.journal import Journal
from services.simulator.plan import dump_plan, load_plan
from services.simulator.texts import Direction, SimulatedText, TextStatus

# Instants are integer microseconds since 1970, UTC. `due_at_us` is real time, all others the provider's calendar.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS texts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL UNIQUE,
    account_sid TEXT NOT NULL,
    direction TEXT NOT NULL,
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    error_code INTEGER,
    status_callback TEXT,
    validity_seconds INTEGER NOT NULL,
    messaging_service_sid TEXT,
    media_count INTEGER NOT NULL,
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL,
    sent_at_us INTEGER,
    plan TEXT NOT NULL,
    reached INTEGER NOT NULL,
    announced_through INTEGER NOT NULL,
    due_at_us INTEGER,
    is_open INTEGER NOT NULL,
    callback_result TEXT
);
CREATE INDEX IF NOT EXISTS texts_to ON texts (to_number, seq);
CREATE INDEX IF NOT EXISTS texts_from ON texts (from_number, seq);
CREATE TABLE IF NOT EXISTS blocks (
    from_number TEXT NOT NULL, to_number TEXT NOT NULL, PRIMARY KEY (from_number, to_number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holds (number TEXT PRIMARY KEY, before TEXT NOT NULL, until_us INTEGER) WITHOUT ROWID;
"""
_INSERT: Final = (
    "INSERT INTO texts (sid, account_sid, direction, from_number, to_number, body, status, error_code,"
    " status_callback, validity_seconds, messaging_service_sid, media_count, created_at_us, updated_at_us,"
    " sent_at_us, plan, reached, announced_through, due_at_us, is_open, callback_result)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_UPDATE: Final = (
    "UPDATE texts SET status=?, error_code=?, updated_at_us=?, sent_at_us=?, plan=?, reached=?,"
    " announced_through=?, due_at_us=?, is_open=?, callback_result=? WHERE seq=?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TEXTS_LOOKED_AT_FOR_PHONES: Final = 5000


@dataclass(frozen=True, slots=True)
class Hold:
    """A phone that receives nothing for a while: texts wait before the status `before`, until that real instant."""

    before: TextStatus
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The filters of a list of texts; a field that is None filters nothing."""

    account_sid: str | None = None
    recipient: str | None = None
    sender: str | None = None
    sent_from: datetime | None = None
    sent_before: datetime | None = None
    older_than_seq: int | None = None
    limit: int = 50


class TextRecord:
    """Texts, blocks and holds in one file; a write that has been awaited is on disk."""

    def __init__(self, file: Path) -> None:
        self._journal = Journal(file, SCHEMA)

    async def start(self) -> None:
        """Open the file."""
        await self._journal.start()

    async def stop(self) -> None:
        """Close the file once everything submitted is in it."""
        await self._journal.stop()

    def add(self, text: SimulatedText) -> asyncio.Future[int]:
        """Insert a text; the result is its place in the record. Equal texts are separate texts."""
        values = (
            text.sid,
            text.account_sid,
            text.direction.value,
            text.sender,
            text.recipient,
            text.body,
            text.status.value,
            text.error_code,
            text.status_callback,
            text.validity_seconds,
            text.messaging_service_sid,
            text.media_count,
            _us(text.created_at),
            _us(text.updated_at),
            _us_or_none(text.sent_at),
            dump_plan(text.plan),
            text.reached,
            text.announced_through,
            _us_or_none(text.due_at),
            text.is_open,
            text.callback_result,
        )

        def insert(db: sqlite3.Connection) -> int:
            seq = db.execute(_INSERT, values).lastrowid
            if seq is None:
                raise sqlite3.DatabaseError("no row was inserted")
            return seq

        return self._journal.submit(insert)

    def note(self, text: SimulatedText) -> asyncio.Future[None]:
        """Record the state of a text."""
        values = (
            text.status.value,
            text.error_code,
            _us(text.updated_at),
            _us_or_none(text.sent_at),
            dump_plan(text.plan),
            text.reached,
            text.announced_through,
            _us_or_none(text.due_at),
            text.is_open,
            text.callback_result,
            text.seq,
        )

        def update(db: sqlite3.Connection) -> None:
            db.execute(_UPDATE, values)

        return self._journal.submit(update)

    async def find(self, sid: str) -> SimulatedText | None:
        """Return the text with this SID."""
        rows = await self._journal.read(lambda db: db.execute("SELECT * FROM texts WHERE sid=?", (sid,)).fetchall())
        return _text(rows[0]) if rows else None

    async def search(self, wanted: Search) -> list[SimulatedText]:
        """Return the matching texts, newest first; one that was not sent matches no date."""
        terms = {
            "account_sid=?": wanted.account_sid,
            "to_number=?": wanted.recipient,
            "from_number=?": wanted.sender,
            "sent_at_us>=?": _us_or_none(wanted.sent_from),
            "sent_at_us<?": _us_or_none(wanted.sent_before),
            "seq<?": wanted.older_than_seq,
        }
        where = " AND ".join(term for term, value in terms.items() if value is not None) or "1"
        values = [value for value in terms.values() if value is not None]
        query = f"SELECT * FROM texts WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - terms are those above
        return await self._texts(query, *values, wanted.limit)

    async def conversation(self, phone: str, limit: int) -> list[SimulatedText]:
        """Return the latest texts to and from one phone, oldest first."""
        query = "SELECT * FROM texts WHERE to_number=? OR from_number=? ORDER BY seq DESC LIMIT ?"
        return list(reversed(await self._texts(query, phone, phone, limit)))

    async def latest_by_phone(self, limit: int) -> list[SimulatedText]:
        """Return the newest text of each phone among the last 5,000 texts, newest first."""
        latest: dict[str, SimulatedText] = {}
        for text in await self._texts("SELECT * FROM texts ORDER BY seq DESC LIMIT ?", _TEXTS_LOOKED_AT_FOR_PHONES):
            latest.setdefault(text.phone, text)
        return list(latest.values())[:limit]

    async def open_texts(self) -> list[SimulatedText]:
        """Return every text in transit, oldest first."""
        return await self._texts("SELECT * FROM texts WHERE is_open ORDER BY seq")

    async def accepted_count(self) -> int:
        """Return how many texts were ever accepted over the API."""
        query = "SELECT count(*) FROM texts WHERE direction=?"
        rows = await self._journal.read(lambda db: db.execute(query, (Direction.OUTBOUND_API.value,)).fetchall())
        return int(rows[0][0])

    async def blocks(self) -> set[tuple[str, str]]:
        """Return the (sender number, phone) pairs that STOP has blocked."""
        rows = await self._journal.read(lambda db: db.execute("SELECT from_number, to_number FROM blocks").fetchall())
        return {(row[0], row[1]) for row in rows}

    def set_block(self, number: str, phone: str, *, is_blocked: bool) -> asyncio.Future[None]:
        """Block texts from this number to this phone, or lift the block."""
        put, lift = (
            "INSERT OR IGNORE INTO blocks VALUES (?, ?)",
            "DELETE FROM blocks WHERE from_number=? AND to_number=?",
        )

        def write(db: sqlite3.Connection) -> None:
            db.execute(put if is_blocked else lift, (number, phone))

        return self._journal.submit(write)

    async def holds(self) -> dict[str, Hold]:
        """Return the phones that are held."""
        rows = await self._journal.read(lambda db: db.execute("SELECT number, before, until_us FROM holds").fetchall())
        return {row["number"]: Hold(TextStatus(row["before"]), _instant_or_none(row["until_us"])) for row in rows}

    def set_hold(self, phone: str, hold: Hold | None) -> asyncio.Future[None]:
        """Hold a phone, or release it."""

        def write(db: sqlite3.Connection) -> None:
            if hold is None:
                db.execute("DELETE FROM holds WHERE number=?", (phone,))
            else:
                values = (phone, hold.before.value, _us_or_none(hold.until))
                db.execute("INSERT OR REPLACE INTO holds VALUES (?, ?, ?)", values)

        return self._journal.submit(write)

    async def _texts(self, query: str, *values: object) -> list[SimulatedText]:
        return await self._journal.read(lambda db: [_text(row) for row in db.execute(query, values)])


def _text(row: sqlite3.Row) -> SimulatedText:
    return SimulatedText(
        seq=row["seq"],
        sid=row["sid"],
        account_sid=row["account_sid"],
        direction=Direction(row["direction"]),
        sender=row["from_number"],
        recipient=row["to_number"],
        body=row["body"],
        status=TextStatus(row["status"]),
        error_code=row["error_code"],
        status_callback=row["status_callback"],
        validity_seconds=row["validity_seconds"],
        messaging_service_sid=row["messaging_service_sid"],
        media_count=row["media_count"],
        created_at=_instant(row["created_at_us"]),
        updated_at=_instant(row["updated_at_us"]),
        sent_at=_instant_or_none(row["sent_at_us"]),
        plan=load_plan(row["plan"]),
        reached=row["reached"],
        announced_through=row["announced_through"],
        due_at=_instant_or_none(row["due_at_us"]),
        is_open=bool(row["is_open"]),
        callback_result=row["callback_result"],
    )


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _us_or_none(at: datetime | None) -> int | None:
    return None if at is None else _us(at)


def _instant(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)


def _instant_or_none(at_us: int | None) -> datetime | None:
    return None if at_us is None else _instant(at_us)
