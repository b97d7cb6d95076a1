"""The languages of the preference page: which one to use, and its sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from markupsafe import Markup

_FALLBACK: Final = "en"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEYWORDS: Final = {
    "stop": Markup('<kbd lang="en" dir="ltr">STOP</kbd>'),
    "start": Markup('<kbd lang="en" dir="ltr">START</kbd>'),
}
"""The keywords to reply with, the same in every language."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language."""

    code: str
    """ISO 639-1; what `lang` says on the page."""
    name: str
    """In the language itself."""
    direction: str
    """``ltr`` or ``rtl``."""
    months: tuple[str, ...]
    day_form: str
    words: Mapping[str, str]

    def say(self, name: str, **values: object) -> Markup:
        """Return a sentence; inserted values are escaped."""
        return Markup(self.words[name]).format(**_KEYWORDS, **values)  # noqa: S704 - our own words, from our own file

    def day(self, at: datetime, clock: ZoneInfo) -> str:
        """Return a day as people write it: 22 December 2026."""
        local = at.astimezone(clock)
        return self.day_form.format(day=local.day, month=self.months[local.month - 1], year=local.year)


class Languages:
    """Every language the page speaks."""

    def __init__(self, languages: Mapping[str, Language]) -> None:
        self._languages = languages

    @classmethod
    @cache
    def shipped(cls) -> "Languages":
        """Return the languages in the package; read once."""
        content = resources.files("services.compliance.preferences").joinpath("words.yaml").read_bytes()
        rows = yaml.load(content, Loader=_LOADER)["languages"]  # noqa: S506 - both loaders above are safe ones
        return cls({code: _language(code, dict(row)) for code, row in rows.items()})

    def __iter__(self) -> Iterator[Language]:
        return iter(self._languages.values())

    def get(self, tag: str) -> Language | None:
        """Return the language of a tag such as ``pt-BR``; None if the page has no such language."""
        return self._languages.get(tag.replace("_", "-").split("-")[0].strip().casefold())

    def best(self, asked: str, accepted: str, locale: str | None) -> Language:
        """Return the language the reader asked for, else the browser's (`Accept-Language`), the shop's, or English."""
        wanted = (asked, *_by_preference(accepted), locale or "")
        return next(filter(None, map(self.get, wanted)), self._languages[_FALLBACK])


def _language(code: str, row: dict[str, Any]) -> Language:
    name, months, day_form = row.pop("name"), tuple(row.pop("months")), row.pop("day")
    return Language(code, name, row.pop("direction", "ltr"), months, day_form, row)


def _by_preference(accepted: str) -> list[str]:
    """Return the tags of an `Accept-Language` header, the most wanted first; those refused (q=0) are left out."""
    weighed = [(_weight(parts), tag.strip()) for tag, *parts in (each.split(";") for each in accepted.split(","))]
    return [tag for weight, tag in sorted(weighed, key=lambda found: -found[0]) if weight > 0 and tag]


def _weight(parts: list[str]) -> float:
    for part in parts:
        name, _, value = part.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
