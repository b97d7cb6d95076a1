"""A form that was sent when its session had ended: kept in the browser's own page until its person has signed in again.

Nothing of it is stored here. It is shown before it is sent again, under the new session's token.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson
from fastapi import Request
from starlette.datastructures import FormData

_MOST_FIELDS: Final = 64
MOST_CHARACTERS: Final = 100_000
"""Of a form's fields together; a longer one is lost, and its page says so."""
_PAGE: Final = re.compile(r"/console/[A-Za-z0-9/_.:+-]{1,300}")
_NEVER_KEPT: Final = frozenset({"form_token", "password", "current", "code", "setup", "key"})


@dataclass(frozen=True, slots=True)
class TypedForm:
    """Where a form was to be sent, and its fields in order."""

    to: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    async def sent_by(cls, request: Request) -> Self | None:
        """Return the form that a request carries; None if it carries none that can be kept."""
        if request.method != "POST" or not request.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            return None
        form: FormData = await request.form()
        fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        if not any(name == "form_token" and value for name, value in fields):  # no page of the console sent it
            return None
        return cls.checked(request.url.path, fields)

    @classmethod
    def parsed(cls, text: str) -> Self | None:
        """Return what `text` stands for; None for anything that `encoded` does not write."""
        if not 0 < len(text) <= MOST_CHARACTERS:
            return None
        try:
            found: Any = orjson.loads(text)
            fields = [(str(name), str(value)) for name, value in found["fields"]]
            return cls.checked(str(found["to"]), fields)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    @classmethod
    def checked(cls, to: str, fields: list[tuple[str, str]]) -> Self | None:
        """Return the form, without secrets; None if it leads out of the console or is too large."""
        kept = tuple((name, value) for name, value in fields if name not in _NEVER_KEPT)
        characters = sum(len(name) + len(value) for name, value in kept)
        is_kept = (
            _PAGE.fullmatch(to)
            and ".." not in to
            and not to.startswith(("/console/sign-", "/console/first-", "/console/join"))
        )
        if not is_kept or not 0 < len(kept) <= _MOST_FIELDS or characters > MOST_CHARACTERS // 2:
            return None
        return cls(to, kept)

    def encoded(self) -> str:
        """Return it as the text of a hidden field."""
        return orjson.dumps({"to": self.to, "fields": self.fields}).decode()
