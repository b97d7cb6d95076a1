"""The histories of every schema lead to the tables the code declares, on an empty file and on one that is there."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.embedded import schemas
from shared.db import migrate
from shared.db.migrate import Schema
from shared.db.postgres import PostgresDatabase
from shared.errors import DatabaseUnavailable
from shared.testing.connected import Server
from tests.contract.engines import create
from tests.contract.engines import schema as postgres_schema

SCHEMAS = schemas()
SMALL = {
    "partition", "priority", "rank", "status", "part", "parts", "window_hours", "click_days", "delivered_hours",
}  # fmt: skip
"""What is one of a few, or bounded by a file: 32 bits are plenty."""
HOT = {
    "event_log", "ingest_deliveries", "ingest_delivery_keys", "ingest_published", "ingest_subjects",
    "scheduler_timers", "scheduler_lines", "scheduler_in_flight", "scheduler_follow_ups", "scheduler_state_changes",
    "scheduler_enrollments", "scheduler_entries", "scheduler_recipients", "scheduler_triggers_seen",
    "compliance_standings", "compliance_decisions", "compliance_send_slots",
    "sender_dispatches", "sender_attempts", "sender_in_flight", "sender_recipients", "sender_receipts",
    "sender_short_links", "sender_touches", "metrics_rollups", "metrics_follow_ups",
}  # fmt: skip
"""Tables with a row or more for every text, or written for every text."""
RISING = {
    "ix_scheduler_follow_ups_newest", "ix_scheduler_triggers_seen_occurred_at", "ix_sender_short_links_expires_at",
    "ix_metrics_follow_ups_newest",
}  # fmt: skip
"""Indexes whose new keys stand at their end: a third of what a random key costs, and lists and retention need them."""
_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, is_identity, column_default IS NOT NULL AS has_default
    FROM information_schema.columns WHERE table_schema = current_schema()
"""
_INDEXES = "SELECT tablename AS table_name, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
_STORAGE = """
    SELECT relname AS table_name, reloptions FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
"""


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.service)
def test_a_migrated_file_has_exactly_the_declared_tables(schema: Schema, tmp_path: Path) -> None:
    with migrate.sqlite_connection(tmp_path / "test.db") as connection:
        migrate.upgrade(connection, [schema])
        assert migrate.differences(connection, schema) == []


def test_all_histories_share_one_file_and_running_them_again_changes_nothing(tmp_path: Path) -> None:
    def tables() -> set[str]:
        with migrate.sqlite_connection(tmp_path / "test.db") as connection:
            migrate.upgrade(connection, SCHEMAS)
            return set(sa.inspect(connection).get_table_names())

    first = tables()
    declared = {name for schema in SCHEMAS for name in schema.metadata.tables}
    assert first == tables()
    assert first - declared == {f"{schema.service}_alembic_version" for schema in SCHEMAS}


def test_every_table_is_prefixed_with_its_service() -> None:
    for schema in SCHEMAS:
        prefix = "event_log" if schema.service == "log" else f"{schema.service}_"
        assert all(name.startswith(prefix) for name in schema.metadata.tables), schema.service


def test_a_file_that_cannot_be_opened_is_a_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(DatabaseUnavailable, match="cannot be opened"),
        migrate.sqlite_connection(tmp_path / "folder") as connection,
    ):
        migrate.upgrade(connection, SCHEMAS)


def test_whatever_is_counted_priced_or_measured_has_64_bits() -> None:
    narrow = {
        f"{table.name}.{column.name}"
        for schema in SCHEMAS
        for table in schema.metadata.tables.values()
        for column in table.columns
        if type(column.type) is sa.Integer and column.name not in SMALL
    }
    assert narrow == set()


def test_a_hot_table_has_at_most_one_index_over_all_its_rows_besides_its_key() -> None:
    tables = {name: table for schema in SCHEMAS for name, table in schema.metadata.tables.items()}
    assert tables.keys() >= HOT
    for name in HOT:
        whole = [index.name for index in tables[name].indexes if index.dialect_kwargs.get("postgresql_where") is None]
        assert len(set(whole) - RISING) <= 1, (name, whole)


@pytest.mark.connected
@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.service)
async def test_a_migrated_schema_has_the_types_indexes_and_storage_of_the_declared_tables(
    schema: Schema, postgresql: Server
) -> None:
    async with postgres_schema(postgresql) as (url, name), postgres_schema(postgresql) as (other_url, other):
        migrated, declared = PostgresDatabase(url, name), PostgresDatabase(other_url, other)
        try:
            await migrated.upgrade([schema])
            await create(declared, schema.metadata)
            for what in (_COLUMNS, _INDEXES, _STORAGE):
                assert await shape(migrated, what, schema) == await shape(declared, what, schema)
        finally:
            await migrated.stop()
            await declared.stop()


async def shape(database: PostgresDatabase, what: str, schema: Schema) -> list[Any]:
    """Return what a schema's declared tables look like to PostgreSQL, its own name left out."""
    rows = await database.read(lambda tx: tx.rows(sa.text(what)))
    # By day: kept in partitions on PostgreSQL, which no declaration can say.
    ours = [row for row in rows if row["table_name"] in schema.metadata.tables.keys() - {"scheduler_timers"}]
    assert ours
    return sorted(str(dict(row)).replace(database.schema, "") for row in ours)
