"""Migrations: each service has its own history, run with Alembic on whichever database holds it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db.private_file import make_private
from shared.errors import ConfigurationFault, DatabaseUnavailable

_ENVIRONMENT = Path(__file__).with_name("migration_environment")


@dataclass(frozen=True, slots=True)
class Schema:
    """One service's tables and the folder of their history."""

    service: str
    metadata: sa.MetaData
    versions: Path


def upgrade(connection: sa.Connection, schemas: Sequence[Schema]) -> None:
    """Bring every schema to its newest version; nothing happens to one that is there already."""
    for schema in schemas:
        command.upgrade(_config(connection, schema), "head")


def pending(connection: sa.Connection, schemas: Sequence[Schema]) -> list[str]:
    """Return the services whose tables are older than this code; newer ones are accepted."""
    behind = []
    for schema in schemas:
        config = _config(connection, schema)
        scripts = ScriptDirectory.from_config(config)
        table = config.attributes["version_table"]
        current = MigrationContext.configure(connection, opts={"version_table": table}).get_current_revision()
        known = {script.revision for script in scripts.walk_revisions()}
        if current is None or (current in known and current != scripts.get_current_head()):
            behind.append(schema.service)
    return behind


def revise(connection: sa.Connection, schema: Schema, message: str) -> None:
    """Write a new migration file from the difference between the database and the declared tables."""
    schema.versions.mkdir(parents=True, exist_ok=True)
    number = len(list(schema.versions.glob(f"{schema.service}_[0-9]*.py"))) + 1
    command.revision(_config(connection, schema), message, autogenerate=True, rev_id=f"{schema.service}_{number:04d}")


def differences(connection: sa.Connection, schema: Schema) -> list[Any]:
    """Return what separates a migrated database from the declared tables; empty when the history is complete."""
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": False,
            "include_name": lambda name, kind, _p: kind != "table" or name in schema.metadata.tables,
        },
    )
    return list(compare_metadata(context, schema.metadata))


@contextmanager
def sqlite_connection(path: Path) -> Iterator[sa.Connection]:
    """Open a file for migrations alone; no other connection may be open.

    Raises:
        DatabaseUnavailable: the file cannot be opened for writing.
        ConfigurationFault: it is damaged, or no database.
    """
    try:
        make_private(path)
    except OSError as problem:
        raise DatabaseUnavailable(f"{path}: cannot be opened for writing ({problem.strerror})") from None
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            if sa.inspect(connection).get_table_names() == []:
                connection.exec_driver_sql("PRAGMA page_size = 8192")
            yield connection
    except (sqlite3.OperationalError, sa.exc.OperationalError) as problem:
        raise DatabaseUnavailable(f"{path}: cannot be opened for writing ({problem})") from None
    except (sqlite3.DatabaseError, sa.exc.DatabaseError) as problem:
        raise ConfigurationFault(
            f"{path} is damaged, or no database ({problem.args[0]}): stop, keep a copy of the folder, and restore the "
            "file from a backup"
        ) from None
    finally:
        engine.dispose()


def _config(connection: sa.Connection, schema: Schema) -> Config:
    """Return Alembic's configuration for one service; everything is handed over, nothing is read from a file."""
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT))
    config.set_main_option("version_locations", str(schema.versions))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes.update(
        connection=connection, metadata=schema.metadata, version_table=f"{schema.service}_alembic_version"
    )
    return config
