"""The types of the API for TypeScript: each schema an interface, and `paths` as openapi-fetch and its like read them.

As in the Python client, what is sent is as strict as the document, and what is answered may be newer than the types.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.clients.document import ClientDocument, ClientOperation, Parameter, Schema, name_of, read

FILE: Final = Path(__file__).parents[2] / "clients" / "typescript" / "followup.d.ts"
_HEAD: Final = "// Written by `make docs` from docs/reference/openapi.json; make it anew instead of editing it.\n"
_TYPES: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_OTHER_WORD: Final = "(string & {})"
"""A word that these types do not know yet; an editor still completes those they know."""
_PLACES: Final = ("query", "header", "path")


def modules(document: Mapping[str, Any]) -> dict[Path, str]:
    """Return the file of the types of an OpenAPI document, by its path."""
    return {FILE: TypeScriptTypes(read(document)).module()}


@dataclass(frozen=True, slots=True)
class TypeScriptTypes:
    """Writes the types of a document."""

    document: ClientDocument

    def module(self) -> str:
        """Return the file."""
        schemas = "\n".join(self._schema(name, schema) for name, schema in self.document.schemas.items())
        names = "".join(f"    {name}: {name};\n" for name in self.document.schemas)
        operations = "".join(self._operation(each) for each in self.document.operations)
        return (
            f"{_HEAD}\n{schemas}\n{_PROBLEM}\nexport interface components {{\n  schemas: {{\n{names}  }};\n}}\n\n"
            f"export interface paths {{\n{''.join(self._paths())}}}\n\nexport interface operations {{\n{operations}}}\n"
        )

    def of(self, schema: Schema, *, is_sent: bool) -> str:
        """Return the type of a value."""
        return " | ".join(dict.fromkeys(self._choices(schema, is_sent)))

    def _choices(self, schema: Schema, is_sent: bool) -> Iterator[str]:  # noqa: FBT001 - handed on as it came
        if name := name_of(schema):
            yield name
            if not is_sent and "enum" in self.document.schemas[name]:
                yield _OTHER_WORD
        elif "const" in schema:
            yield json.dumps(schema["const"])
        elif "enum" in schema:
            yield from map(json.dumps, schema["enum"])
            if not is_sent:
                yield _OTHER_WORD
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            for choice in choices:
                yield from self._choices(choice, is_sent)
        else:
            yield self._plain(schema, is_sent)

    def _plain(self, schema: Schema, is_sent: bool) -> str:  # noqa: FBT001 - handed on as it came
        match schema.get("type"):
            case "array":
                inner = self.of(schema.get("items", {}), is_sent=is_sent)
                return f"({inner})[]" if " " in inner else f"{inner}[]"
            case "object":
                values = schema.get("additionalProperties", True)
                kind = self.of(values, is_sent=is_sent) if isinstance(values, Mapping) else "unknown"
                return f"Record<string, {kind}>"
            case str(kind):
                return _TYPES[kind]
            case _:
                return "unknown"

    def _schema(self, name: str, schema: Schema) -> str:
        words = _comment(schema.get("description", ""), "")
        if "enum" in schema:
            return f"{words}export type {name} = {' | '.join(map(json.dumps, schema['enum']))};\n"
        is_sent, required = name in self.document.sent, schema.get("required", ())
        fields = [
            f"{_comment(each.get('description', ''), '  ')}  {_key(field)}{'' if is_there else '?'}: "
            f"{self.of(each, is_sent=is_sent)};\n"
            for field, each in schema.get("properties", {}).items()
            for is_there in [field in required or (not is_sent and "default" in each)]
        ]
        return f"{words}export interface {name} {{\n{''.join(fields)}}}\n"

    def _paths(self) -> Iterator[str]:
        path = ""
        for each in self.document.operations:
            if each.path != path:
                yield f"{'  };' + chr(10) if path else ''}  {json.dumps(each.path)}: {{\n"
                path = each.path
            yield f'{_comment(each.summary, "    ")}    {each.method.lower()}: operations["{each.name}"];\n'
        yield "  };\n"

    def _operation(self, operation: ClientOperation) -> str:
        parameters = " ".join(self._place(operation, place) for place in _PLACES)
        body = ""
        if operation.body is not None:
            kind = self.of(operation.body, is_sent=True)
            body = f'    requestBody: {{ content: {{ "application/json": {kind} }} }};\n'
        answer = " | ".join(self.of(each, is_sent=False) for each in operation.answers)
        answers = "".join(f"      {each}: {_content(answer)};\n" for each in operation.statuses)
        return (
            f"  {operation.name}: {{\n    parameters: {{ {parameters} cookie?: never }};\n{body}"
            f"    responses: {{\n{answers}      default: Refusal;\n    }};\n  }};\n"
        )

    def _place(self, operation: ClientOperation, place: str) -> str:
        found = [each for each in operation.parameters if each.place == place]
        if not found:
            return f"{place}?: never;"
        inner = "; ".join(self._parameter(each) for each in found)
        return f"{place}{'' if any(each.is_required for each in found) else '?'}: {{ {inner} }};"

    def _parameter(self, parameter: Parameter) -> str:
        kind = self.of(parameter.schema, is_sent=True)
        return f"{_key(parameter.name)}{'' if parameter.is_required else '?'}: {kind}"


_PROBLEM: Final = """/** What went wrong (RFC 9457); `code` is stable, `detail` says what to do. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  errors?: { field: string; reason: string }[];
}

export interface Refusal {
  headers: { [name: string]: unknown };
  content: { "application/problem+json": Problem };
}
"""


def _content(answer: str) -> str:
    content = f'{{ "application/json": {answer} }}' if answer else "never"
    return f"{{ headers: {{ [name: string]: unknown }}; content{'' if answer else '?'}: {content} }}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)


def _comment(words: str, indent: str) -> str:
    plain = " ".join(words.split()).replace("*/", "* /")
    return f"{indent}/** {plain} */\n" if plain else ""
