"""A platform's JSON, read field by field: an invalid field is noted and read as absent, without affecting others."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType, UnionType
from typing import Any

from shared.instants import BOUNDS, is_near
from shared.money import InexactAmount, minor_units


class InvalidField(ValueError):
    """A required field is missing, or a field has the wrong type; the message names it, never its value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


_NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})


class JSONObject:
    """A JSON object and its path in the document; an absent object is an empty one.

    A field of the wrong type reads as absent and is noted in `unknown`, which all parts of a document share, so that
    an invalid field affects only what depends on it. Only a missing required field raises.
    """

    __slots__ = ("_members", "_path", "skipped", "unknown")

    def __init__(self, members: Mapping[str, Any], path: str = "", part_of: "JSONObject | None" = None) -> None:
        self._members = members
        self._path = path
        self.unknown: list[InvalidField] = [] if part_of is None else part_of.unknown
        """The fields of the document with a wrong type."""
        self.skipped: list[InvalidField] = [] if part_of is None else part_of.skipped
        """Why parts of the document were skipped: each lacks a required field."""

    def sibling(self, members: Mapping[str, Any], path: str = "") -> "JSONObject":
        """Return another object that shares this document's findings."""
        return JSONObject(members, path, self)

    def __contains__(self, name: str) -> bool:
        """Return whether the member is present and not null, valid or not."""
        return self._members.get(name) is not None

    def has_key(self, name: str) -> bool:
        """Return whether the member is present, even if null."""
        return name in self._members

    def is_blank(self, name: str) -> bool:
        """Return whether the member is absent, null or an empty string."""
        found = self._members.get(name)
        return found is None or found == ""

    def has_noted(self, name: str) -> bool:
        """Return whether the member was found to have a wrong type."""
        place = self._at(name)
        return any(each.field == place for each in self.unknown)

    def text(self, name: str) -> str | None:
        """Return a string, or an integer as its digits (ids may exceed 2^53); an empty string counts as absent."""
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
        """Return a required string."""
        found = self.text(name)
        if found is None:
            raise self._missing(name)
        return found

    def flag(self, name: str) -> bool:
        """Return a boolean; absent is false."""
        found = self._members.get(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        self._note(name, "must be true or false")
        return False

    def child(self, name: str) -> "JSONObject":
        """Return an object; absent is empty."""
        found = self._members.get(name)
        if found is not None and not isinstance(found, dict):
            self._note(name, "must be an object")
            found = None
        return JSONObject(found or _NO_MEMBERS, self._at(name), self)

    def children(self, name: str) -> list["JSONObject"]:
        """Return the objects of a list; absent is empty."""
        places = [(place, item) for place, item in enumerate(self._list(name)) if self._is(dict, item, name, place)]
        return [self.sibling(item, f"{self._at(name)}.{place}") for place, item in places]

    def ids(self, name: str) -> list[str]:
        """Return the strings and integers of a list, as strings; absent is empty."""
        return [str(item) for place, item in enumerate(self._list(name)) if self._is(str | int, item, name, place)]

    def instant(self, name: str) -> datetime | None:
        """Return an instant in UTC; one without an offset is invalid."""
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
        """Return a required instant."""
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
        self.unknown.append(InvalidField(self._at(name), reason))

    def _missing(self, name: str) -> InvalidField:
        """Return what is wrong with a required member: what was noted about it, or that it is missing."""
        place = self._at(name)
        noted = next((each for each in reversed(self.unknown) if each.field == place), None)
        return noted or InvalidField(place, "is missing")
