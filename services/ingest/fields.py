"""Looking into a platform's JSON: each getter says what it expects, and a wrong shape names its field."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.instants import BOUNDS, is_near
from shared.money import InexactAmount, minor_units


class Misshapen(ValueError):  # noqa: N818 - a finding about a document, turned into a value by `sources.adapter`
    """A field is missing where it is needed, or not of the kind it must be; the message names it, never its value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Fields:
    """A JSON object and its place in the document; an absent object is an empty one."""

    __slots__ = ("_members", "_path")

    def __init__(self, members: Mapping[str, Any], path: str = "") -> None:
        self._members = members
        self._path = path

    def __contains__(self, name: str) -> bool:
        """Return whether the member is there and not null."""
        return self._members.get(name) is not None

    def text(self, name: str) -> str | None:
        """Return a text, or a whole number as its digits (ids may exceed 2^53); empty counts as absent."""
        found = self._members.get(name)
        if found is None or found == "":
            return None
        if isinstance(found, str):
            return found
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        raise self._misshapen(name, "must be a text or a whole number")

    def required(self, name: str) -> str:
        """Return a text that must be there."""
        found = self.text(name)
        if found is None:
            raise self._misshapen(name, "is missing")
        return found

    def flag(self, name: str) -> bool:
        """Return a truth value; absent is false."""
        found = self._members.get(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        raise self._misshapen(name, "must be true or false")

    def fields(self, name: str) -> "Fields":
        """Return an object; absent is empty."""
        found = self._members.get(name)
        if found is None:
            return Fields({}, self._at(name))
        if isinstance(found, dict):
            return Fields(found, self._at(name))
        raise self._misshapen(name, "must be an object")

    def each(self, name: str) -> list["Fields"]:
        """Return a list of objects; absent is empty."""
        found = self._members.get(name)
        if found is None:
            return []
        if isinstance(found, list) and all(isinstance(item, dict) for item in found):
            return [Fields(item, f"{self._at(name)}.{place}") for place, item in enumerate(found)]
        raise self._misshapen(name, "must be a list of objects")

    def instant(self, name: str) -> datetime | None:
        """Return an instant in UTC; one without an offset is refused."""
        found = self.text(name)
        if found is None:
            return None
        try:
            at = datetime.fromisoformat(found)
            if at.tzinfo is None:
                raise self._misshapen(name, "must have an offset from UTC")
            if not is_near(at):
                raise self._misshapen(name, BOUNDS)
            return at.astimezone(UTC)
        except ValueError as problem:
            raise problem if isinstance(problem, Misshapen) else self._misshapen(name, "must be an instant") from None

    def required_instant(self, name: str) -> datetime:
        """Return an instant that must be there."""
        found = self.instant(name)
        if found is None:
            raise self._misshapen(name, "is missing")
        return found

    def minor(self, name: str, currency: str | None) -> int | None:
        """Return an amount in minor units of `currency`; absent, or without a currency, is None."""
        found = self._members.get(name)
        if found is None or found == "" or currency is None:
            return None
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            raise self._misshapen(name, "must be an amount")
        try:
            return minor_units(found, currency)
        except InexactAmount as problem:
            raise self._misshapen(name, str(problem)) from None

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _misshapen(self, name: str, reason: str) -> Misshapen:
        return Misshapen(self._at(name), reason)
