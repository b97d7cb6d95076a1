"""Durations as a person reads them."""

from datetime import timedelta


def duration_words(duration: timedelta) -> str:
    """Return a duration in its two largest units: 2 h 5 min."""
    seconds = duration.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:  # noqa: PLR2004 - below ten seconds the tenths matter
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = (("d", whole // 86_400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    named = [f"{count} {name}" for name, count in units if count]
    return " ".join(named[:2])
