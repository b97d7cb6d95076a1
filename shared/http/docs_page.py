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
h2{margin:2.5rem 0 .5rem;text-transform:capitalize}code,pre,.method{font-family:ui-monospace,monospace}
details{border:1px solid #8884;border-radius:.5rem;margin:.4rem 0;padding:.5rem .8rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.2rem;font-weight:700}.get{color:#1769aa}.post{color:#21743a}
.put,.patch{color:#8a5a00}.delete{color:#b3261e}.what{opacity:.75;margin-left:.6rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem}
tr+tr{border-top:1px solid #8883}pre{overflow-x:auto;background:#8881;padding:.6rem;border-radius:.4rem}
@media (max-width:40rem){body{padding:1rem}.what{display:block;margin-left:0}
table,tbody,tr,td{display:block}th{display:none}td{padding:.1rem 0}td:first-child{font-weight:600;padding-top:.4rem}}
@media (prefers-color-scheme:dark){.get{color:#7cc4ff}.post{color:#7fd99a}
.put,.patch{color:#ffcb6b}.delete{color:#ff8a80}}
"""
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: API</title><style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
<p>{{ count }} operations. Send an API key as <code>Authorization: Bearer fu_…</code>; every error is a problem document
(RFC 9457) with a stable <code>code</code>. For tools: <a href="/openapi.json">openapi.json</a>.</p>
{% for tag, operations in tags.items() %}
<h2>{{ tag }}</h2>
{% for each in operations %}
<details id="{{ each.anchor }}"><summary><span class="method {{ each.method }}">{{ each.method | upper }}</span>
<code>{{ each.path }}</code><span class="what">{{ each.summary }}</span></summary>
{% if each.description %}<p>{{ each.description }}</p>{% endif %}
{% if each.parameters %}<table><tr><th>parameter</th><th>where</th><th>type</th><th>what</th></tr>
{% for one in each.parameters %}<tr><td><code>{{ one.name }}</code>{% if one.required %} *{% endif %}</td>
<td>{{ one["in"] }}</td><td>{{ one.type }}</td><td>{{ one.description }}</td></tr>{% endfor %}</table>{% endif %}
{% if each.body %}<p>Body:</p><pre>{{ each.body }}</pre>{% endif %}
{% if each.example %}<p>Example:</p><pre>{{ each.example }}</pre>{% endif %}
<table><tr><th>answer</th><th>what</th></tr>
{% for status, what in each.answers %}<tr><td>{{ status }}</td><td>{{ what }}</td></tr>{% endfor %}</table>
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

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Mapping[str, Any], ...]
    """As the document has them, each with its type in words."""
    body: str
    example: str
    """Of the body, as JSON; empty where its model has none."""
    answers: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        """The fragment that an address can point to."""
        return f"{self.method}-{self.path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}"


@cache
def _template() -> Template:
    """Return the page's template; compiled when the page is first requested, which most processes never are."""
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(_PAGE)


def router_of(app: FastAPI) -> APIRouter:
    """Return the route of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs(_request: Request) -> Response:
        document = app.openapi()
        tags: dict[str, list[Operation]] = {}
        for tag, operation in operations(document):
            tags.setdefault(tag, []).append(operation)
        style = Markup(_STYLE)  # noqa: S704 - our own constant
        html = _template().render(title=app.title, style=style, tags=tags, count=sum(map(len, tags.values())))
        return HTMLResponse(html, headers=_HEADERS)

    return router


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Yield every operation of an OpenAPI document with its tag."""
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                found = methods[method]
                yield (found.get("tags") or ["api"])[0], _operation(method, path, found, schemas)


def _operation(method: str, path: str, found: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return Operation(
        method=method,
        path=path,
        summary=found.get("summary", ""),
        description=found.get("description", ""),
        parameters=tuple(
            {"required": False, "description": "", **one, "type": _type(one.get("schema", {}), schemas)}
            for one in found.get("parameters", ())
        ),
        body=json.dumps(_shape(body, schemas, _DEEPEST), indent=2, ensure_ascii=False) if body else "",
        example=_example(body, schemas),
        answers=tuple((status, str(what.get("description", ""))) for status, what in found["responses"].items()),
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
