"""What a client needs of the OpenAPI document: its schemas, and the operations that a key may ask.

The document is the one that FastAPI writes: references to schemas, `anyOf` with null for what may be absent, and no
`allOf`. A schema that stands inside a body under a title of its own (events are published whole) is lifted out, so that
it has a name in the client.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

LEFT_OUT: Final = frozenset({"console"})
"""Groups that need the operator's token, which stays on its machine; operations without security are left out too."""
HEADERS: Final = frozenset({"idempotency-key", "if-match", "if-none-match"})
"""Headers that a caller may set; others a client sets by itself."""
READS_BY_POST: Final = frozenset(
    {"ask_gate", "check_flow", "look_up_recipient", "look_up_standing", "search_follow_ups"}
)
"""Operations that change nothing: a number stays out of the URL, or the question is long."""
_REFERENCE: Final = "#/components/schemas/"
_COMBINED: Final = ("anyOf", "oneOf")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation."""

    name: str
    """As it is sent."""
    place: str
    """`path`, `query` or `header`."""
    schema: Schema
    is_required: bool


@dataclass(frozen=True, slots=True)
class ClientOperation:
    """One operation as a client has it."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Schema | None
    answers: tuple[Schema, ...]
    """Those of success; none where it answers nothing."""
    statuses: tuple[str, ...]
    """Those of success."""

    @property
    def has_key(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return any(each.name.lower() == "idempotency-key" for each in self.parameters)

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice does what sending it once does."""
        return self.method in {"GET", "DELETE"} or self.has_key or self.name in READS_BY_POST


@dataclass(frozen=True, slots=True)
class ClientDocument:
    """The operations of a client and the schemas they use."""

    operations: tuple[ClientOperation, ...]
    schemas: Mapping[str, Schema]
    """By name, sorted; those of bodies and answers alike."""
    sent: frozenset[str]
    """Names of the schemas that are only ever sent; the others come in answers."""


def read(document: Mapping[str, Any]) -> ClientDocument:
    """Return what a client needs of an OpenAPI document."""
    lifted: dict[str, Schema] = {}
    operations = tuple(
        _operation(path, method, found, lifted)
        for path, methods in sorted(document["paths"].items())
        for method, found in methods.items()
        if found.get("security") and not LEFT_OUT & set(found["tags"])
    )
    schemas = {**document["components"]["schemas"], **lifted}
    sent = [schema for each in operations for schema in (each.body, *(one.schema for one in each.parameters)) if schema]
    answered = [schema for each in operations for schema in each.answers]
    used = _reached([*sent, *answered], schemas)
    return ClientDocument(
        operations,
        {name: schemas[name] for name in sorted(used)},
        frozenset(_reached(sent, schemas) - _reached(answered, schemas)),
    )


def name_of(schema: Schema) -> str:
    """Return the name that a schema refers to; empty where it is none but stands there whole."""
    return str(schema.get("$ref", "")).removeprefix(_REFERENCE)


def _operation(path: str, method: str, found: Mapping[str, Any], lifted: dict[str, Schema]) -> ClientOperation:
    body = _content(found.get("requestBody", {}))
    return ClientOperation(
        name=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found["summary"],
        description=found.get("description", ""),
        parameters=tuple(
            Parameter(each["name"], each["in"], each["schema"], each["required"])
            for each in found.get("parameters", ())
            if each["in"] != "header" or each["name"].lower() in HEADERS
        ),
        body=None if body is None else _lifted(body, lifted),
        answers=tuple(
            schema
            for status, answer in sorted(found["responses"].items())
            if status < "300" and (schema := _content(answer)) is not None
        ),
        statuses=tuple(sorted(status for status in found["responses"] if status < "300")),
    )


def _content(what: Mapping[str, Any]) -> Schema | None:
    found: Schema | None = what.get("content", {}).get("application/json", {}).get("schema")
    return found


def _lifted(schema: Schema, lifted: dict[str, Schema]) -> Schema:
    """Return a schema in which those with a title of their own are references; they are added to `lifted`."""
    inner = {name: _lifted(each, lifted) for name, each in schema.get("properties", {}).items()}
    found = {**schema, **({"properties": inner} if inner else {})}
    for key in _COMBINED:
        if key in found:
            found[key] = [_lifted(each, lifted) for each in found[key]]
    if isinstance(found.get("items"), Mapping):
        found["items"] = _lifted(found["items"], lifted)
    if inner or "enum" in found:
        lifted[found["title"]] = found
        return {"$ref": _REFERENCE + found["title"]}
    return found


def _reached(schemas: list[Schema], by_name: Mapping[str, Schema]) -> set[str]:
    """Return the names of all schemas that some schemas lead to."""
    reached: set[str] = set()
    waiting = list(schemas)
    while waiting:
        for name in _references(waiting.pop()):
            if name not in reached:
                reached.add(name)
                waiting.append(by_name[name])
    return reached


def _references(part: Any) -> Iterator[str]:
    match part:
        case {"$ref": str(reference)}:
            yield reference.removeprefix(_REFERENCE)
        case Mapping():
            for inner in part.values():
                yield from _references(inner)
        case list():
            for inner in part:
                yield from _references(inner)
        case _:
            pass
