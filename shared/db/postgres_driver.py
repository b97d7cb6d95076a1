"""What is used of asyncpg besides SQLAlchemy's adapter; the only module that imports the untyped library."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

import asyncpg

INTERNAL_ERROR: type[Exception] = asyncpg.InternalClientError
"""What a statement meets between the server's last answer and the closing of the connection."""
INTERFACE_ERROR: type[Exception] = asyncpg.InterfaceError
"""What a call on a lost connection raises, among others."""
_PREFIX = "postgresql+asyncpg://"


class Connection(Protocol):
    """One connection, outside any pool."""

    async def execute(self, statement: str, *values: object) -> str:
        """Run a statement; return the server's status word."""
        ...

    async def fetchval(self, statement: str, *values: object) -> Any:
        """Return the first value of the first row."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Return a block that commits, or rolls back when it is left by an exception."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


async def connect(url: str, *, timeout_seconds: float = 60) -> Connection:
    """Return a connection to the database that a URL names, SQLAlchemy's form of it included."""
    connection = await asyncpg.connect(url.replace(_PREFIX, "postgresql://", 1), timeout=timeout_seconds)
    return cast("Connection", connection)
