"""The two classes of the Python client: a method for each operation, in a thread or in an event loop."""

import re
import textwrap
from dataclasses import dataclass
from typing import Final

from tools.clients.document import ClientDocument, ClientOperation, Parameter
from tools.clients.python_types import HEAD, PythonTypes, docstring, safe

_NOTHING: Final = "None"
_ANYTHING: Final = "Any"


@dataclass(frozen=True, slots=True)
class Flavour:
    """How a client waits."""

    module: str
    class_name: str
    base: str
    promise: str
    define: str
    wait: str


THREADED: Final = Flavour(
    "client", "Followup", "ThreadedCalls", "The API of Followup, for a program that waits for each answer.", "def", ""
)
ASYNCHRONOUS: Final = Flavour(
    "async_client",
    "AsyncFollowup",
    "AsynchronousCalls",
    "The API of Followup, for a program with an event loop.",
    "async def",
    "await ",
)


def module(document: ClientDocument, flavour: Flavour) -> str:
    """Return the module of a client."""
    types = PythonTypes(document)
    methods = "\n".join(_method(each, types, flavour) for each in document.operations)
    imports = "".join(f"{line}\n" for line, name in _IMPORTS if re.search(rf"\b{name}\b", methods))
    return (
        f'{HEAD}"""{flavour.promise}"""\n\n{imports}\n'
        "from followup_client import models\n"
        f"from followup_client.calls import Call, {flavour.base}, segment\n\n\n"
        f'class {flavour.class_name}({flavour.base}):\n    """{flavour.promise}"""\n\n{methods}'
    )


_IMPORTS: Final = (
    ("from collections.abc import Sequence", "Sequence"),
    ("from datetime import date as Date", "Date"),
    ("from typing import Any, Literal", "Any"),
    ("from uuid import UUID", "UUID"),
    ("\nfrom pydantic import AwareDatetime", "AwareDatetime"),
)


def _method(operation: ClientOperation, types: PythonTypes, flavour: Flavour) -> str:
    answer = _answer(operation, types)
    call = f"        call = {_call(operation)}\n"
    if answer == _NOTHING:
        body = f"{call}        {flavour.wait}self.answer_of(call, None)\n"
    else:
        body = f"{call}        answer: {answer} = {flavour.wait}self.answer_of(call, {answer})\n        return answer\n"
    words = f"{operation.summary}.\n\n{operation.description}".strip()
    return (
        f"    {flavour.define} {operation.name}({_arguments(operation, types)}) -> {answer}:\n"
        f"{docstring(words, '        ')}{body}"
    )


def _arguments(operation: ClientOperation, types: PythonTypes) -> str:
    arguments = ["self"]
    arguments += [f"{safe(each.name)}: {_sent(each, types)}" for each in _of(operation, "path")]
    if operation.body is not None:
        arguments.append(f"body: {_body(operation, types)}")
    named = [
        f"{safe(each.name)}: {_sent(each, types) if each.is_required else _optional(_sent(each, types))}"
        for each in (*_of(operation, "query"), *_of(operation, "header"))
    ]
    return "".join(f"\n        {each}," for each in [*arguments, *(["*", *named] if named else [])]) + "\n    "


def _call(operation: ClientOperation) -> str:
    path = operation.path
    for each in _of(operation, "path"):
        path = path.replace(f"{{{each.name}}}", f"{{segment({safe(each.name)})}}")
    parts = [f'"{operation.method}"', ("f" if path != operation.path else "") + f'"{path}"']
    if query := _of(operation, "query"):
        parts.append(f"query={_by_name(query)}")
    if headers := [each for each in _of(operation, "header") if each.name.lower() != "idempotency-key"]:
        parts.append(f"headers={_by_name(headers)}")
    if operation.has_key:
        parts += ["idempotency_key=idempotency_key", "has_key=True"]
    if operation.body is not None:
        parts.append("body=body")
    if operation.is_repeatable:
        parts.append("is_repeatable=True")
    inner = textwrap.indent(",\n".join(parts), " " * 12)
    return f"Call(\n{inner},\n        )"


def _answer(operation: ClientOperation, types: PythonTypes) -> str:
    if not operation.answers:
        return _NOTHING
    kinds = dict.fromkeys(types.of(each, is_sent=False, prefix="models.") for each in operation.answers)
    return _ANYTHING if _ANYTHING in kinds else " | ".join(kinds)


def _body(operation: ClientOperation, types: PythonTypes) -> str:
    kind = types.of(operation.body or {}, is_sent=True, prefix="models.")
    return kind.replace("list[", "Sequence[")


def _sent(parameter: Parameter, types: PythonTypes) -> str:
    return types.of(parameter.schema, is_sent=True, prefix="models.")


def _optional(kind: str) -> str:
    return f"{kind} = None" if kind.endswith(_NOTHING) else f"{kind} | None = None"


def _of(operation: ClientOperation, place: str) -> list[Parameter]:
    return [each for each in operation.parameters if each.place == place]


def _by_name(parameters: list[Parameter]) -> str:
    """Return a dictionary of arguments by the names they are sent under."""
    return "{" + ", ".join(f'"{each.name}": {safe(each.name)}' for each in parameters) + "}"
