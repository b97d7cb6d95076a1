"""Schemas as Python: a Pydantic class each, or the type of a field.

What a caller sends is as strict as the document. What the service answers is read leniently, so that an older client
reads a newer service: a word of a closed set may be another one, unknown fields are ignored, and bounds are not
checked.
"""

import keyword
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tools.clients.document import ClientDocument, Schema, name_of

_FORMATS: Final = {"date-time": "AwareDatetime", "date": "Date", "time": "Time", "uuid": "UUID"}
_TYPES: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_WIDTH: Final = 116
HEAD: Final = "# Written by `make docs` from docs/reference/openapi.json; make it anew instead of editing it.\n"
_IMPORTS: Final = (
    HEAD + '"""What the API takes and answers, by the names of its document."""\n\n'
    "from __future__ import annotations  # a class may name one that stands below it\n\n"
    "from datetime import date as Date\n"
    "from datetime import time as Time\n"
    "from typing import Any, Literal, TypeAlias\n"
    "from uuid import UUID\n\n"
    "from pydantic import AwareDatetime, Field\n\n"
    "from followup_client.bases import Answer, Body\n"
)


@dataclass(frozen=True, slots=True)
class PythonTypes:
    """Names the types of a document's schemas."""

    document: ClientDocument

    def of(self, schema: Schema, *, is_sent: bool, prefix: str = "") -> str:
        """Return the type of a value; `prefix` stands before the name of a class."""
        return " | ".join(sorted(dict.fromkeys(self._choices(schema, is_sent, prefix)), key="None".__eq__))

    def module(self) -> str:
        """Return the module of all types."""
        words = {name: schema for name, schema in self.document.schemas.items() if "enum" in schema}
        rest = {name: schema for name, schema in self.document.schemas.items() if name not in words}
        parts = [_IMPORTS]
        parts += [f"{name}: TypeAlias = {_literal(schema['enum'])}\n{_doc(schema)}" for name, schema in words.items()]
        parts += ["\n" + self._class(name, schema) for name, schema in rest.items()]
        return "\n".join(parts)

    def _choices(self, schema: Schema, is_sent: bool, prefix: str) -> Iterator[str]:  # noqa: FBT001 - handed on as it came
        if name := name_of(schema):
            yield prefix + name
            if not is_sent and "enum" in self.document.schemas[name]:
                yield "str"  # a word that this client does not know yet
        elif "const" in schema:
            yield f"Literal[{schema['const']!r}]"
        elif "enum" in schema:
            yield _literal(schema["enum"])
            if not is_sent:
                yield "str"
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            for choice in choices:
                yield from self._choices(choice, is_sent, prefix)
            if "oneOf" in schema and not is_sent:
                yield "dict[str, Any]"  # a kind that this client does not know yet
        else:
            yield self._plain(schema, is_sent, prefix)

    def _plain(self, schema: Schema, is_sent: bool, prefix: str) -> str:  # noqa: FBT001 - handed on as it came
        match schema.get("type"):
            case "array":
                return f"list[{self.of(schema.get('items', {}), is_sent=is_sent, prefix=prefix)}]"
            case "object":
                inner = schema.get("additionalProperties", True)
                values = self.of(inner, is_sent=is_sent, prefix=prefix) if isinstance(inner, Mapping) else "Any"
                return f"dict[str, {values}]"
            case str(kind):
                return _FORMATS.get(schema.get("format", ""), _TYPES[kind])
            case _:
                return "Any"

    def _class(self, name: str, schema: Schema) -> str:
        is_sent, required = name in self.document.sent, set(schema.get("required", ()))
        fields, words = schema.get("properties", {}), _doc(schema, "    ")
        lines = [f"class {name}({'Body' if is_sent else 'Answer'}):\n", words, "\n" if words and fields else ""]
        for field, each in fields.items():
            lines.append(f"    {self._field(field, each, is_required=field in required, is_sent=is_sent)}\n")
            lines.append(_doc(each, "    "))
        return "".join(lines if words or fields else [*lines, "    pass\n"])

    def _field(self, name: str, schema: Schema, *, is_required: bool, is_sent: bool) -> str:
        kind, default = self.of(schema, is_sent=is_sent), schema.get("default")
        if isinstance(default, dict) and not kind.startswith("dict["):
            default = None  # a class: what was not set is not sent
        if not is_required and default is None and "None" not in kind.split(" | "):
            kind += " | None"
        given = [f'alias="{name}"'] if safe(name) != name else []
        if not is_required:
            is_made = isinstance(default, list | dict)
            given.insert(0, f"default_factory={type(default).__name__}" if is_made else f"default={default!r}")
        match given:
            case []:
                value = ""
            case [only] if only.startswith("default="):
                value = f" = {default!r}"
            case _:
                value = f" = Field({', '.join(given)})"
        return f"{safe(name)}: {kind}{value}"


def safe(name: str) -> str:
    """Return a name that Python takes: `from_`, `if_match`."""
    plain = name.replace("-", "_").lower()
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def docstring(words: str, indent: str) -> str:
    """Return a docstring, wrapped."""
    text = words.replace("\\", "\\\\").replace('"""', "'''")
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    wrapped = [textwrap.fill(each, _WIDTH, initial_indent=indent, subsequent_indent=indent) for each in paragraphs]
    whole = "\n\n".join(wrapped).strip()
    closing = f"\n{indent}" if "\n" in whole else " " if whole.endswith('"') else ""
    return f'{indent}"""{whole}{closing}"""\n'


def _doc(schema: Schema, indent: str = "") -> str:
    words = schema.get("description", "")
    return docstring(words, indent) if words else ""


def _literal(words: list[Any]) -> str:
    return f"Literal[{', '.join(map(repr, words))}]"
