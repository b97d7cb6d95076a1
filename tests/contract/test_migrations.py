"""The histories of every schema lead to the tables the code declares, on an empty file and on one that is there."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from services.embedded import schemas
from shared.db import migrate
from shared.db.migrate import Schema
from shared.errors import DatabaseUnavailable

SCHEMAS = schemas()


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
