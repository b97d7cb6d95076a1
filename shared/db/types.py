"""Column types with one meaning on both databases: instants are integer microseconds UTC, ids are 16 bytes."""

import uuid
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from shared import ids
from shared.unix_time import instant, microseconds


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as integer microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Refuse naive datetimes by arithmetic: they do not subtract from an aware one."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """Return the instant of an integer."""
        return None if value is None else instant(value)


class Id(TypeDecorator[uuid.UUID]):
    """A UUID: native on PostgreSQL, a 16-byte blob on SQLite (half the size of text, and its order is the id's)."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the native type if there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(sa.LargeBinary(16))

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> uuid.UUID | bytes | None:
        """Return what the driver takes."""
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> uuid.UUID | None:
        """Return a UUID whatever the driver gave."""
        if value is None or isinstance(value, uuid.UUID):
            return value
        return ids.of_bytes(value)


class Json(TypeDecorator[Any]):
    """A JSON value: text on SQLite, jsonb on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose jsonb if there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> Any | None:
        """Return JSON text for SQLite; PostgreSQL's type serialises by itself."""
        return value if value is None or dialect.name == "postgresql" else orjson.dumps(value).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        """Return the value the text holds."""
        if value is None or dialect.name == "postgresql":
            return value
        return orjson.loads(cast("str", value))
