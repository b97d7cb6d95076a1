"""Instants as integers: microseconds and milliseconds since 1970 in UTC, as tables, logs and ids hold them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def microseconds(at: datetime) -> int:
    """Return an aware datetime as whole microseconds since 1970 in UTC."""
    return (at - _EPOCH) // _MICROSECOND


def milliseconds(at: datetime) -> int:
    """Return an aware datetime as whole milliseconds since 1970 in UTC."""
    return (at - _EPOCH) // _MILLISECOND


def instant(value: int) -> datetime:
    """Return microseconds since 1970 as an aware UTC datetime."""
    return _EPOCH + value * _MICROSECOND
