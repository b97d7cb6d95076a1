"""What every model of a file shares: frozen, no unknown field, words and numbers as written.

Scalars are strict: ``"60"`` where a number belongs, or ``yes`` where ``true`` belongs, is a problem.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_DURATION_TEXT = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d|w)\Z")
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
SCOPE = r"^[a-z]+(-[a-z]+)*:(read|write|reveal)$"
LOCALE = r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$"
COUNTRY = r"^[A-Z]{2}$"
SUBDIVISION = r"^[A-Z]{2}-[A-Z0-9]{1,3}$"
HTTP_ADDRESS = r"^https?://[^\s/?#]+[^\s]*$"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
MAIL_ADDRESS = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+$"
"""One address as HTML's `type=email` takes it, with a dot in the domain: no names, no lists, no line ends."""
TAG = "?"
"""Starts the name of a union's member, so that it is never mistaken for a key of the file in an error's path."""
LONGEST_DURATION = timedelta(days=5 * 366)
"""Five years: no text is planned further ahead, and dates stay far from the calendar's end."""


class FileModel(BaseModel):
    """A part of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def unknown_word(what: str, word: str, known: Iterable[str]) -> PydanticCustomError:
    """Return the error for a word outside an open set, with the words that were possible."""
    return PydanticCustomError(
        "unknown_word", "unknown {what} '{word}'", {"what": what, "word": word, "known": [*known]}
    )


def parse_duration(text: str) -> timedelta:
    """Return the time that ``30s``, ``5m``, ``1h``, ``3d`` or ``2w`` names; always positive.

    Raises:
        ValueError: it is none of these, or longer than five years.
    """
    match = _DURATION_TEXT.match(text)
    if not match:
        raise ValueError("a duration is a whole number and s, m, h, d or w, such as 30s, 5m, 1h, 3d, 2w")
    duration = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if duration > LONGEST_DURATION:
        raise ValueError("a duration is at most five years")
    return duration


def duration_text(duration: timedelta) -> str:
    """Return the shortest way to write a duration of whole seconds: ``parse_duration`` reads it back."""
    seconds = round(duration.total_seconds())
    unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    Field(strict=True),
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]{0,5}(s|m|h|d|w)$", "examples": ["30s", "1h", "3d"]}),
]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Slug = Annotated[str, Field(pattern=SLUG)]
"""A name that can be used in a path: lower case letters, digits and inner hyphens, at most 64."""
Locale = Annotated[str, Field(pattern=LOCALE)]
"""BCP 47, such as ``en`` or ``en-US``."""
Country = Annotated[str, Field(pattern=COUNTRY)]
"""ISO 3166-1 alpha-2, upper case."""
Subdivision = Annotated[str, Field(pattern=SUBDIVISION)]
"""ISO 3166-2, such as ``US-LA``."""
HTTPAddress = Annotated[str, Field(pattern=HTTP_ADDRESS, max_length=2000)]
