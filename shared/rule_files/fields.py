"""Checks of single fields of the rule files: each returns the value or raises TypeError or ValueError."""

from collections.abc import Iterable


def word(value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} should be a text")
    return value


def digits(value: object) -> str:
    """Return a text of digits."""
    text = word(value)
    if not text.isdigit():
        raise ValueError(f"{text!r} should be digits")
    return text


def strings(values: Iterable[object]) -> tuple[str, ...]:
    """Return texts, none of them empty."""
    return tuple(word(value) for value in values)


def whole(value: object) -> int:
    """Return a whole number, 0 or more."""
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} should be a whole number, 0 or more")
    return value


def truth(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} should be true or false")
    return value


def one_of(value: object, *words: str) -> str:
    """Return one of the given words."""
    if value not in words:
        raise ValueError(f"{value!r} should be one of {', '.join(words)}")
    return str(value)
