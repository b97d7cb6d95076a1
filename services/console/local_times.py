"""Dates and times that people type, on the shop's clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from shared.instants import is_near


def instant_of(text: str, zone: ZoneInfo) -> str:
    """Return the instant that a form's date and time mean on the shop's clock, as services read it.

    Of a time that the clock shows twice it is the first; one that it skips is taken as if it had not.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    try:
        found = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Write a date and a time: 2026-12-01T08:00.") from None
    if not is_near(found):
        raise ValueError("This time is too far away.")
    return found.isoformat()
