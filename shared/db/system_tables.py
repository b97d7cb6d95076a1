"""The tables of every service: positions, parked events, idempotency keys, the key fingerprint."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import MetaData

from shared.db.storage import QUEUE
from shared.db.table_bounds import TableBound, few_rows, removed_with_work, swept_after
from shared.db.types import Id, Instant, Json

__all__ = ["IDEMPOTENCY_HOURS", "NAMING", "MetaData", "SystemTables", "bounds_of", "metadata_of"]

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


@dataclass(frozen=True, slots=True)
class SystemTables:
    """One service's ground tables, each prefixed with its name."""

    service: str
    positions: sa.Table
    """Up to where each group has read each partition: moved by compare-and-set in the transaction of the work."""
    parked: sa.Table
    """Events that could not be handled, and those of the same recipient behind them; `attempts` counts redrives."""
    idempotency_keys: sa.Table
    """What was answered to a keyed POST."""
    fingerprints: sa.Table
    """The fingerprint of the hash key that named this database's recipients."""


def metadata_of(service: str) -> tuple[MetaData, SystemTables]:
    """Return a service's metadata with its system tables."""
    metadata = MetaData(naming_convention=NAMING)
    return metadata, SystemTables(
        service,
        sa.Table(
            f"{service}_positions",
            metadata,
            sa.Column("consumer_group", sa.Text, primary_key=True),
            sa.Column("topic", sa.Text, primary_key=True),
            sa.Column("partition", sa.Integer, primary_key=True),
            sa.Column("next_offset", sa.BigInteger, nullable=False),
            sa.Column("moved_at", Instant, nullable=False),
            postgresql_with=QUEUE,
        ),
        sa.Table(
            f"{service}_parked",
            metadata,
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
            sa.Column("recipient_id", Id, nullable=False, index=True),
            sa.Column("merchant_id", sa.Text, nullable=False),
            sa.Column("topic", sa.Text, nullable=False),
            sa.Column("type", sa.Text, nullable=False),
            sa.Column("body", sa.LargeBinary, nullable=False),
            sa.Column("reason", sa.Text, nullable=False),
            sa.Column("parked_at", Instant, nullable=False),
            sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
            sa.Column("tried_at", Instant),
            sa.Index(f"ix_{service}_parked_of_merchant", "merchant_id", "id"),
        ),
        sa.Table(
            f"{service}_idempotency_keys",
            metadata,
            sa.Column("merchant_id", sa.Text, primary_key=True),
            sa.Column("key_sha256", sa.LargeBinary, primary_key=True),
            sa.Column("request_sha256", sa.LargeBinary, nullable=False),
            sa.Column("status", sa.Integer, nullable=False),
            sa.Column("answer", Json, nullable=False),
            sa.Column("created_at", Instant, nullable=False, index=True),
        ),
        sa.Table(
            f"{service}_fingerprints",
            metadata,
            sa.Column("fingerprint", sa.Text, primary_key=True),
            sa.Column("first_seen_at", Instant, nullable=False),
        ),
    )


IDEMPOTENCY_HOURS = 24
"""How long a keyed POST is remembered."""


def bounds_of(system_tables: SystemTables) -> tuple[TableBound, ...]:
    """Return what bounds the ground tables of a service."""
    return (
        few_rows(system_tables.positions.name, "a consumer group and partition"),
        removed_with_work(system_tables.parked.name, "an event that could not be handled"),
        swept_after(system_tables.idempotency_keys, "a keyed POST", f"{IDEMPOTENCY_HOURS} hours"),
        few_rows(system_tables.fingerprints.name, "a hash key; there is one"),
    )
