"""The API's own page at `/docs`: every operation of the OpenAPI document, without a script.

It is plain HTML with one style, which the page's policy names by its hash: nothing on it can run, load or send
anything, so it may share the console's origin.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

_STYLE: Final = """
:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:56rem;margin:0 auto;padding:1.5rem}
h1{margin:0}code,td{overflow-wrap:anywhere}
h2{margin:2.5rem 0 0}h2::first-letter{text-transform:uppercase}h2+p{margin:.1rem 0 .6rem;opacity:.8}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem;margin:1rem 0}.name{opacity:.75}
code,pre,.method{font-family:ui-monospace,monospace}
details{border:1px solid #8884;border-radius:.5rem;margin:.4rem 0;padding:.5rem .8rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.2rem;font-weight:700}.get{color:#1769aa}.post{color:#21743a}
.put,.patch{color:#8a5a00}.delete{color:#b3261e}.what{opacity:.75;margin-left:.6rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem}
tr+tr{border-top:1px solid #8883}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:.6rem;border-radius:.4rem}
@media (max-width:40rem){body{padding:1rem}.what{display:block;margin-left:0}
table,tbody,tr,td{display:block}th{display:none}td{padding:.1rem 0}td:first-child{font-weight:600;padding-top:.4rem}}
@media (prefers-color-scheme:dark){.get{color:#7cc4ff}.post{color:#7fd99a}
.put,.patch{color:#ffcb6b}.delete{color:#ff8a80}}
"""
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: API</title><style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
<p>{{ about | words }}</p>
<p>{{ count }} operations. For tools: <a href="/openapi.json">openapi.json</a>.</p>
<nav aria-label="Groups">{% for group in groups %}<a href="#{{ group.anchor }}">{{ group.name }}</a>
{% endfor %}</nav>
{% for group in groups %}
<h2 id="{{ group.anchor }}">{{ group.name }}</h2>
<p>{{ group.description }}</p>
{% for each in group.operations %}
<details id="{{ each.anchor }}"><summary><span class="method {{ each.method }}">{{ each.method | upper }}</span>
<code>{{ each.path }}</code><span class="what">{{ each.summary }}</span></summary>
<p class="name">In generated clients: <code>{{ each.name }}</code></p>
{% if each.description %}<p>{{ each.description | words }}</p>{% endif %}
{% if each.parameters %}<table><tr><th>parameter</th><th>where</th><th>type</th>
{% if each.is_told %}<th>what</th>{% endif %}</tr>
{% for one in each.parameters %}<tr><td><code>{{ one.name }}</code>{% if one.required %} *{% endif %}</td>
<td>{{ one["in"] }}</td><td>{{ one.type }}</td>
{% if each.is_told %}<td>{{ one.description | words }}</td>{% endif %}</tr>{% endfor %}</table>{% endif %}
{% if each.body %}<p>Body:</p><pre>{{ each.body }}</pre>{% endif %}
{% if each.example %}<p>Example:</p><pre>{{ each.example }}</pre>{% endif %}
{% if each.answer %}<p>Answer:</p><pre>{{ each.answer }}</pre>{% endif %}
<table><tr><th>status</th><th>what</th></tr>
{% for status, what in each.answers %}<tr><td>{{ status }}</td><td>{{ what | words }}</td></tr>{% endfor %}</table>
</details>
{% endfor %}
{% endfor %}
</body></html>
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_DEEPEST: Final = 6
"""Levels of a body that are shown."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Mapping[str, Any], ...]
    """As the document has them, each with its type in words."""
    body: str
    example: str
    """Of the body, as JSON; empty where its model has none."""
    answer: str
    """What is answered when all is well, as `body`."""
    answers: tuple[tuple[str, str], ...]
    """What each status says, in their order."""

    @property
    def is_told(self) -> bool:
        """Whether anything is said of a parameter."""
        return any(one["description"] for one in self.parameters)

    @property
    def anchor(self) -> str:
        """The fragment that an address can point to."""
        return f"{self.method}-{self.path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}"


@dataclass(frozen=True, slots=True)
class Group:
    """The operations that stand under one heading."""

    name: str
    description: str
    operations: tuple[Operation, ...]

    @property
    def anchor(self) -> str:
        """The fragment that an address can point to."""
        return f"group-{self.name.replace(' ', '-')}"


@cache
def _template() -> Template:
    """Return the page's template; compiled when the page is first requested, which most processes never are."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["words"] = _words
    return environment.from_string(_PAGE)


def router_of(app: FastAPI) -> APIRouter:
    """Return the route of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs(_request: Request) -> Response:
        document = app.openapi()
        groups = tuple(groups_of(document))
        html = _template().render(
            title=app.title,
            style=Markup(_STYLE),  # noqa: S704 - our own constant
            about=document["info"]["description"],
            groups=groups,
            count=sum(len(group.operations) for group in groups),
        )
        return HTMLResponse(html, headers=_HEADERS)

    return router


def groups_of(document: Mapping[str, Any]) -> Iterator[Group]:
    """Yield the groups of an OpenAPI document in its order, with every operation in the first of its groups."""
    members: dict[str, list[Operation]] = {}
    for path, methods in sorted(document["paths"].items()):
        for method in _METHODS:
            if method in methods:
                operation = _operation(method, path, methods[method], document["components"])
                members.setdefault(methods[method]["tags"][0], []).append(operation)
    for tag in document["tags"]:
        yield Group(tag["name"], tag["description"], tuple(members.get(tag["name"], ())))


def _operation(method: str, path: str, found: Mapping[str, Any], components: Mapping[str, Any]) -> Operation:
    schemas, shared_answers = components["schemas"], components["responses"]
    body = _schema(found.get("requestBody", {}))
    answer = next((_schema(what) for status, what in found["responses"].items() if status < "300"), None)
    return Operation(
        name=found["operationId"],
        method=method,
        path=path,
        summary=found.get("summary", ""),
        description=found.get("description", ""),
        parameters=tuple(
            {"required": False, "description": "", **one, "type": _type(one.get("schema", {}), schemas)}
            for one in found.get("parameters", ())
        ),
        body=_drawn(body, schemas),
        example=_example(body, schemas),
        answer=_drawn(answer, schemas),
        answers=tuple(
            (
                status,
                str(_resolved(what, shared_answers).get("description", "")).replace("Successful Response", "Done."),
            )
            for status, what in sorted(found["responses"].items())
        ),
    )


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of a body or an answer; None where it has none, or takes anything."""
    return content.get("content", {}).get("application/json", {}).get("schema") or None


def _drawn(schema: Mapping[str, Any] | None, schemas: Mapping[str, Any]) -> str:
    """Return a body's shape as JSON; where it is one of several, each after an `or`."""
    choices = schema.get("anyOf", (schema,)) if schema else ()
    return "\nor\n".join(
        json.dumps(_shape(choice, schemas, _DEEPEST), indent=2, ensure_ascii=False) for choice in choices
    )


def _example(body: Mapping[str, Any] | None, schemas: Mapping[str, Any]) -> str:
    found = _resolved(body or {}, schemas).get("examples", ())
    return json.dumps(found[0], indent=2, ensure_ascii=False) if found else ""


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Return a type in a few words."""
    schema = _resolved(schema, schemas)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one, schemas) for one in schema["anyOf"]))
    return str(schema.get("format") or schema.get("type") or "any")


def _shape(schema: Mapping[str, Any], schemas: Mapping[str, Any], levels: int) -> Any:
    """Return a body's shape: names with their types, `?` after optional ones."""
    schema = _resolved(schema, schemas)
    if levels and "properties" in schema:
        required = schema.get("required", ())
        return {
            name if name in required else f"{name}?": _shape(inner, schemas, levels - 1)
            for name, inner in schema["properties"].items()
        }
    if levels and schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return [_shape(schema["items"], schemas, levels - 1)]
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return _shape(choices[0], schemas, levels) if len(choices) == 1 else _type(schema, schemas)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return schemas.get(name, {}) if name else schema


def _words(markdown: str) -> Markup:
    """Return a text whose `code` stands between backticks as HTML."""
    parts = markdown.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))
