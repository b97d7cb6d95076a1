"""Looking into a platform's JSON: what is not of its kind is unknown and noted, and costs nothing beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType, UnionType
from typing import Any

from shared.instants import BOUNDS, is_near
from shared.money import InexactAmount, minor_units


class Misshapen(ValueError):
    """A field is missing where it is needed, or not of the kind it must be; the message names it, never its value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


_NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class _Findings:
    """What was found wrong in a document; all its parts share it."""

    unknown: list[Misshapen] = field(default_factory=list)
    lost: list[Misshapen] = field(default_factory=list)


class Fields:
    """A JSON object and its place in the document; an absent object is an empty one.

    What is not of its kind reads as absent and is noted in `unknown`, which all parts of a document share: one odd
    field costs what is made of it, and no more. Only what a reader requires is refused.
    """

    __slots__ = ("_findings", "_members", "_path")

    def __init__(self, members: Mapping[str, Any], path: str = "", findings: "_Findings | None" = None) -> None:
        self._members = members
        self._path = path
        self._findings = _Findings() if findings is None else findings

    @property
    def unknown(self) -> list[Misshapen]:
        """What in the document is not of its kind."""
        return self._findings.unknown

    @property
    def lost(self) -> list[Misshapen]:
        """Why parts of the document are not told of: each lacks something it needs."""
        return self._findings.lost

    def beside(self, members: Mapping[str, Any], path: str = "") -> "Fields":
        """Return another object of the same document."""
        return Fields(members, path, self._findings)

    def __contains__(self, name: str) -> bool:
        """Return whether the member is there and not null, readable or not."""
        return self._members.get(name) is not None

    def tells(self, name: str) -> bool:
        """Return whether the member is there, be it null."""
        return name in self._members

    def is_blank(self, name: str) -> bool:
        """Return whether the member is absent, null or an empty text."""
        found = self._members.get(name)
        return found is None or found == ""

    def has_noted(self, name: str) -> bool:
        """Return whether the member was found not to be of its kind."""
        place = self._at(name)
        return any(each.field == place for each in self.unknown)

    def text(self, name: str) -> str | None:
        """Return a text, or a whole number as its digits (ids may exceed 2^53); empty counts as absent."""
        found = self._members.get(name)
        if found is None or found == "":
            return None
        if isinstance(found, str):
            return found
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        self._note(name, "must be a text or a whole number")
        return None

    def required(self, name: str) -> str:
        """Return a text that must be there."""
        found = self.text(name)
        if found is None:
            raise self._missing(name)
        return found

    def flag(self, name: str) -> bool:
        """Return a truth value; absent is false."""
        found = self._members.get(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        self._note(name, "must be true or false")
        return False

    def fields(self, name: str) -> "Fields":
        """Return an object; absent is empty."""
        found = self._members.get(name)
        if found is not None and not isinstance(found, dict):
            self._note(name, "must be an object")
            found = None
        return Fields(found or _NO_MEMBERS, self._at(name), self._findings)

    def each(self, name: str) -> list["Fields"]:
        """Return the objects of a list; absent is empty."""
        places = [(place, item) for place, item in enumerate(self._list(name)) if self._is(dict, item, name, place)]
        return [self.beside(item, f"{self._at(name)}.{place}") for place, item in places]

    def ids(self, name: str) -> list[str]:
        """Return the texts and whole numbers of a list; absent is empty."""
        return [str(item) for place, item in enumerate(self._list(name)) if self._is(str | int, item, name, place)]

    def instant(self, name: str) -> datetime | None:
        """Return an instant in UTC; one without an offset is none."""
        found = self.text(name)
        if found is None:
            return None
        try:
            at = datetime.fromisoformat(found)
            wrong = "must have an offset from UTC" if at.tzinfo is None else None if is_near(at) else BOUNDS
            if wrong is None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            wrong = "must be an instant"
        self._note(name, wrong)
        return None

    def required_instant(self, name: str) -> datetime:
        """Return an instant that must be there."""
        found = self.instant(name)
        if found is None:
            raise self._missing(name)
        return found

    def minor(self, name: str, currency: str | None) -> int | None:
        """Return an amount in minor units of `currency`; absent, or without a currency, is None."""
        found = self._members.get(name)
        if found is None or found == "" or currency is None:
            return None
        wrong = "must be an amount"
        if isinstance(found, str | int | float) and not isinstance(found, bool):
            try:
                return minor_units(found, currency)
            except InexactAmount as problem:
                wrong = str(problem)
        self._note(name, wrong)
        return None

    def _list(self, name: str) -> list[Any]:
        found = self._members.get(name)
        if found is not None and not isinstance(found, list):
            self._note(name, "must be a list")
        return found if isinstance(found, list) else []

    def _is(self, kind: type | UnionType, item: object, name: str, place: int) -> bool:
        fits = isinstance(item, kind) and not isinstance(item, bool)
        if not fits:
            self._note(f"{name}.{place}", "is not of its kind")
        return fits

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _note(self, name: str, reason: str) -> None:
        self.unknown.append(Misshapen(self._at(name), reason))

    def _missing(self, name: str) -> Misshapen:
        """Return why a required member is refused: what was noted of it, or that it is missing."""
        place = self._at(name)
        noted = next((each for each in reversed(self.unknown) if each.field == place), None)
        return noted or Misshapen(place, "is missing")
