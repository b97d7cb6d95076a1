"""An embedded application's database as its first start leaves it, so that not every test migrates one of its own."""

import tempfile
from functools import cache
from pathlib import Path

from services.embedded import DATABASE_FILE, schemas
from shared.db import migrate


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE_FILE
        with migrate.sqlite_connection(path) as connection:
            migrate.upgrade(connection, schemas())
        return path.read_bytes()


def put_into(folder: Path) -> None:
    """Write an empty database of the newest version into a data folder that has none yet; an older one stays."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / DATABASE_FILE).exists():
        (folder / DATABASE_FILE).write_bytes(_migrated())
