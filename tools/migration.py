"""Write a migration from the difference between the declared tables and the history so far."""

import subprocess
import sys
import tempfile
from pathlib import Path

from services.embedded import schemas
from shared.db import migrate


def main(service: str, message: str) -> None:
    """Upgrade an empty database to the newest version, compare it with the tables, and write the next version."""
    chosen = next((schema for schema in schemas() if schema.service == service), None)
    if chosen is None:
        raise SystemExit(f"no service {service!r}; one of: {', '.join(schema.service for schema in schemas())}")
    with (
        tempfile.TemporaryDirectory() as folder,
        migrate.sqlite_connection(Path(folder) / "empty.db") as connection,
    ):
        if list(chosen.versions.glob("[0-9a-z]*.py")):
            migrate.upgrade(connection, [chosen])
        migrate.revise(connection, chosen, message)
    ruff = Path(sys.executable).with_name("ruff")
    for arguments in (["format", "--quiet"], ["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([ruff, *arguments, chosen.versions], check=True)  # noqa: S603 - our own tool on our own folder


if __name__ == "__main__":
    main(*sys.argv[1:3])
