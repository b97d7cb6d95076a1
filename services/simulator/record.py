"""The durable record of every accepted text, never merged and never deleted: the evidence of what was sent twice."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

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
_NEVER_CHANGES: Final = (
    *("sid", "account_sid", "direction", "from_number", "to_number", "body", "status_callback"),
    *("validity_seconds", "messaging_service_sid", "media_count", "created_at_us"),
)
_CHANGES: Final = (
    *("status", "error_code", "updated_at_us", "sent_at_us", "plan", "reached", "announced_through", "due_at_us"),
    *("is_open", "callback_result"),
)
_INSERT: Final = (
    f"INSERT INTO texts ({', '.join((*_NEVER_CHANGES, *_CHANGES))})"  # noqa: S608 - the names above
    f" VALUES ({', '.join(f':{name}' for name in (*_NEVER_CHANGES, *_CHANGES))})"
)
_UPDATE: Final = f"UPDATE texts SET {', '.join(f'{name}=:{name}' for name in _CHANGES)} WHERE seq=:seq"  # noqa: S608 - names of its own columns
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


class TextRecord(Journal):
    """Texts, blocks and holds in one file; a write that has been awaited is on disk."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, SCHEMA)

    def add(self, text: SimulatedText) -> asyncio.Future[int]:
        """Insert a text; the result is its place in the record. Equal texts are separate texts."""
        values = _values(text)

        def insert(db: sqlite3.Connection) -> int:
            seq = db.execute(_INSERT, values).lastrowid
            if seq is None:
                raise sqlite3.DatabaseError("no row was inserted")
            return seq

        return self.submit(insert)

    def note(self, text: SimulatedText) -> asyncio.Future[None]:
        """Record the state of a text."""
        return self._write(_UPDATE, _values(text))

    async def find(self, sid: str) -> SimulatedText | None:
        """Return the text with this SID."""
        return next(iter(await self._texts("SELECT * FROM texts WHERE sid=?", sid)), None)

    async def search(self, wanted: Search) -> list[SimulatedText]:
        """Return the matching texts, newest first; one that was not sent matches no date."""
        terms = {
            "account_sid=?": wanted.account_sid,
            "to_number=?": wanted.recipient,
            "from_number=?": wanted.sender,
            "sent_at_us>=?": _us(wanted.sent_from),
            "sent_at_us<?": _us(wanted.sent_before),
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
        rows = await self.read(lambda db: db.execute(query, (Direction.OUTBOUND_API.value,)).fetchall())
        return int(rows[0][0])

    async def blocks(self) -> set[tuple[str, str]]:
        """Return the (sender number, phone) pairs that STOP has blocked."""
        rows = await self.read(lambda db: db.execute("SELECT from_number, to_number FROM blocks").fetchall())
        return {(row[0], row[1]) for row in rows}

    def set_block(self, number: str, phone: str, *, is_blocked: bool) -> asyncio.Future[None]:
        """Block texts from this number to this phone, or lift the block."""
        put = "INSERT OR IGNORE INTO blocks VALUES (?, ?)"
        lift = "DELETE FROM blocks WHERE from_number=? AND to_number=?"
        return self._write(put if is_blocked else lift, (number, phone))

    async def holds(self) -> dict[str, Hold]:
        """Return the phones that are held."""
        rows = await self.read(lambda db: db.execute("SELECT number, before, until_us FROM holds").fetchall())
        return {row["number"]: Hold(TextStatus(row["before"]), _instant_or_none(row["until_us"])) for row in rows}

    def set_hold(self, phone: str, hold: Hold | None) -> asyncio.Future[None]:
        """Hold a phone, or release it."""
        if hold is None:
            return self._write("DELETE FROM holds WHERE number=?", (phone,))
        values = (phone, hold.before.value, _us(hold.until))
        return self._write("INSERT OR REPLACE INTO holds VALUES (?, ?, ?)", values)

    def _write(self, statement: str, values: Sequence[object] | Mapping[str, object]) -> asyncio.Future[None]:
        def write(db: sqlite3.Connection) -> None:
            db.execute(statement, values)

        return self.submit(write)

    async def _texts(self, query: str, *values: object) -> list[SimulatedText]:
        return await self.read(lambda db: [_text(row) for row in db.execute(query, values)])


def _values(text: SimulatedText) -> dict[str, Any]:
    """Return the columns of a text."""
    return {
        "seq": text.seq,
        "sid": text.sid,
        "account_sid": text.account_sid,
        "direction": text.direction.value,
        "from_number": text.sender,
        "to_number": text.recipient,
        "body": text.body,
        "status": text.status.value,
        "error_code": text.error_code,
        "status_callback": text.status_callback,
        "validity_seconds": text.validity_seconds,
        "messaging_service_sid": text.messaging_service_sid,
        "media_count": text.media_count,
        "created_at_us": _us(text.created_at),
        "updated_at_us": _us(text.updated_at),
        "sent_at_us": _us(text.sent_at),
        "plan": dump_plan(text.plan),
        "reached": text.reached,
        "announced_through": text.announced_through,
        "due_at_us": _us(text.due_at),
        "is_open": text.is_open,
        "callback_result": text.callback_result,
    }


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


def _us(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _instant(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)


def _instant_or_none(at_us: int | None) -> datetime | None:
    return None if at_us is None else _instant(at_us)
