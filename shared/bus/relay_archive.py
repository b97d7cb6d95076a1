"""Relayed events stay in PostgreSQL for some minutes, packed, in case the log loses them.

A broker acknowledges events before they are on its disk. With several replicas that does no harm; with one, a power cut
loses events that were answered 2xx. So relayed events are archived as blocks of many, one row each, and are relayed
again after such a loss; event ids and natural keys drop what had arrived.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import cramjam
import orjson
import sqlalchemy as sa

from shared import ids
from shared.bus.kafka_wire import KafkaRecord
from shared.db.postgres_session import PostgresSession
from shared.db.storage import QUEUE
from shared.db.transaction import Row, Transaction
from shared.events.topics import Topic
from shared.ids import EventId, RecipientId
from shared.unix_time import instant, microseconds

KEEP_MINUTES = 10.0
_BLOCK_BYTES = 4 * 1024 * 1024
_LENGTHS = struct.Struct(">II")
_NOW = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
"""Microseconds of the database's own clock: every process of a service counts on the same one."""


def name_of(service: str) -> str:
    """Return the name of the table of a service's blocks."""
    return f"{service}_outbox_kept"


def table_of(service: str, metadata: sa.MetaData) -> sa.Table:
    """Return the table of a service's blocks."""
    return sa.Table(
        name_of(service),
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
        sa.Column("relayed_at", sa.BigInteger, nullable=False, server_default=sa.text(_NOW)),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("block", sa.LargeBinary, nullable=False),
        postgresql_with=QUEUE,
    )


def ends_of(service: str, metadata: sa.MetaData) -> sa.Table:
    """Return the table of how far each partition was seen to reach: a log that ends earlier has lost something."""
    return sa.Table(
        f"{service}_log_ends",
        metadata,
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        postgresql_with=QUEUE,
    )


def blocks(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return outbox rows as rows of the blocks' table; a block is no larger than a few megabytes, or one event."""
    found: list[dict[str, Any]] = []
    parts: list[bytes] = []
    size = count = 0
    for row in rows:
        ids_of = row["event_id"].hex, row["recipient_id"].hex
        head = orjson.dumps([row["topic"], row["type"], *ids_of, microseconds(row["occurred_at"])])
        parts += (_LENGTHS.pack(len(head), len(row["body"])), head, row["body"])
        size += _LENGTHS.size + len(head) + len(row["body"])
        count += 1
        if size >= _BLOCK_BYTES:
            found.append(_block(parts, count))
            parts, size, count = [], 0, 0
    if count:
        found.append(_block(parts, count))
    return found


def records(block: bytes) -> Iterator[KafkaRecord]:
    """Yield the events of a block, in the order in which they were relayed."""
    packed = bytes(cramjam.lz4.decompress_block(block))
    place = number = 0
    while place < len(packed):
        head_length, body_length = _LENGTHS.unpack_from(packed, place)
        head_at = place + _LENGTHS.size
        body_at = head_at + head_length
        topic, type_, event_id, recipient_id, occurred_at = orjson.loads(packed[head_at:body_at])
        place = body_at + body_length
        yield KafkaRecord(
            number=number,
            topic=Topic(topic),
            type=type_,
            event_id=EventId(ids.of_bytes(bytes.fromhex(event_id))),
            recipient_id=RecipientId(ids.of_bytes(bytes.fromhex(recipient_id))),
            occurred_at=instant(occurred_at),
            body=packed[body_at:place],
        )
        number += 1


async def sweep(session: PostgresSession, table: sa.Table, minutes: float) -> int:
    """Delete blocks older than this, and return how many."""
    old = sa.select(table.c.id).where(sa.not_(_since(table, minutes))).order_by(table.c.id).limit(1_000)
    return await session.delete(table, "id", [row["id"] for row in await session.rows(old)])


async def following(db: Transaction, table: sa.Table, minutes: float, after: int) -> Row | None:
    """Return the next block after an id of those relayed so many minutes ago or later; None where there is none."""
    wanted = sa.select(table).where(table.c.id > after, _since(table, minutes)).order_by(table.c.id).limit(1)
    found = await db.rows(wanted)
    return found[0] if found else None


def _since(table: sa.Table, minutes: float) -> sa.ColumnElement[bool]:
    return table.c.relayed_at >= sa.literal_column(_NOW) - int(minutes * 60_000_000)


def _block(parts: Sequence[bytes], count: int) -> dict[str, Any]:
    return {"events": count, "block": bytes(cramjam.lz4.compress_block(b"".join(parts)))}
