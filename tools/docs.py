"""The reference pages and the clients, written from the code.

`python -m tools.docs` writes them, `--check` fails when one on disk is not what the code says.
"""

import asyncio
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from services import embedded
from services.cli import doctor as _  # noqa: F401 - with it every settings class is declared
from services.demo.environment import running_demo
from shared.config.lint import schemas as file_schemas
from shared.events.registry import registry
from shared.events.topics import RETENTION_DAYS, Topic
from shared.failpoints import NAMES
from shared.settings import every_setting
from shared.telemetry.metrics import catalogue
from shared.vocabulary.service_names import SERVICES
from tools import follow_up_states
from tools.clients import python_client, typescript

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
_NOTE = "<!-- Written by `make docs` from the code; edit the code instead. -->\n"


def pages() -> dict[Path, str]:
    """Return every page and module by its path."""
    http, plain = asyncio.run(_paths())
    named = {
        "events.md": _events(),
        "asyncapi.json": _json(_asyncapi()),
        "metrics.md": _metrics(),
        "settings.md": _settings(),
        "http.md": _http(http, plain),
        "openapi.json": _json(http),
        "files.md": _files(),
        "tables.md": _tables(),
        "follow-up-states.md": follow_up_states.page(_NOTE),
        **{f"schemas/{name}.json": _json(schema) for name, schema in file_schemas().items()},
    }
    return {
        **{REFERENCE / name: text for name, text in named.items()},
        **python_client.modules(http),
        **typescript.modules(http),
    }


def main(*, check: bool) -> int:
    """Write the pages, or print which are stale; return the exit code."""
    stale = []
    for path, text in pages().items():
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(path.relative_to(ROOT).as_posix())
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"not what the code says (run `make docs`): {', '.join(stale)}\n")
    return 1 if stale else 0


def _tables() -> str:
    """Return what bounds every table."""
    bounds = [
        kept for name in sorted(SERVICES) for kept in importlib.import_module(f"services.{name}.retention").BOUNDS
    ]
    lines = [
        _NOTE,
        "# Tables",
        "",
        "What there is one row for, and what keeps each table from growing for ever. *Swept* tables lose their old",
        "rows to a daily job, in slices of 500 that nothing waits behind; rows of *work* go when it is done; of",
        "*count* there are few by nature; *for ever* are those that must stay: one for each person, or act of consent.",
        "",
        "| table | one row for | bound | kept |",
        "|---|---|---|---|",
        *(f"| `{kept.table}` | {kept.row} | {kept.way} | {kept.until} |" for kept in bounds),
        f"| `event_log` (embedded) | an event | swept | until all have read it, and {RETENTION_DAYS} days |",
        "| `<service>_outbox` (distributed) | an event not relayed yet | work | until it is in the log |",
        "",
    ]
    return "\n".join(lines)


def _events() -> str:
    """One section a topic, one table an event type."""
    lines = [_NOTE, "# Events\n"]
    lines.append(
        "Five topics, each keyed by recipient id; CloudEvents 1.0 binary mode with a JSON body; kept "
        f"{RETENTION_DAYS} days. The machine-readable form is [asyncapi.json](asyncapi.json).\n"
    )
    for topic in Topic:
        lines.append(f"## `{topic}`\n")
        for kind in (each for each in registry().values() if each.topic is topic):
            lines.append(f"### `{kind.type}`\n\n{_first_line(kind.__doc__)}\n")
            lines.append("| field | type | required |\n|---|---|---|")
            properties = kind.model_json_schema()["properties"]
            lines.extend(
                f"| `{name}` | {_type_of(properties[name])} | {'yes' if field.is_required() else 'no'} |"
                for name, field in kind.model_fields.items()
            )
            lines.append("")
    return "\n".join(lines) + "\n"


def _type_of(schema: dict[str, Any]) -> str:
    """Return a short word for a JSON Schema type."""
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[-1]}`"
    if schema.get("format") == "base64":
        return "sealed (base64)"
    return str(schema.get("format") or schema.get("type") or "any")


def _asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the five topics."""
    kinds = registry()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Followup events", "version": "1"},
        "channels": {
            topic.value: {
                "address": topic.value,
                "messages": {
                    kind.type: {"$ref": f"#/components/messages/{kind.type}"}
                    for kind in kinds.values()
                    if kind.topic is topic
                },
            }
            for topic in Topic
        },
        "components": {
            "messages": {
                kind.type: {
                    "name": kind.type,
                    "summary": _first_line(kind.__doc__),
                    "contentType": "application/json",
                    "payload": kind.model_json_schema(),
                }
                for kind in kinds.values()
            }
        },
    }


def _metrics() -> str:
    """One line a metric."""
    lines = [_NOTE, "# Metrics\n", "Served by each process at `/metrics`; labels are small closed sets.\n"]
    lines.append("| metric | type | labels | meaning |\n|---|---|---|---|")
    lines.extend(
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.help} |"
        for each in sorted(catalogue(), key=lambda metric: metric.name)
    )
    return "\n".join(lines) + "\n"


def _settings() -> str:
    """One line an environment variable."""
    lines = [
        _NOTE,
        "# Settings\n",
        "Environment variables; `followup doctor --settings` lists them with their values.\n",
    ]
    lines.append("| variable | default | meaning |\n|---|---|---|")
    lines.extend(
        f"| `{each.variable}` | {f'`{each.default}`' if each.default else ''} | {each.help} |"
        for each in every_setting()
    )
    lines.append(
        "\nFailpoints that tests may arm with `FOLLOWUP_FAILPOINTS`: " + ", ".join(f"`{n}`" for n in NAMES) + "."
    )
    return "\n".join(lines) + "\n"


async def _paths() -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """Return the merged OpenAPI document of all services, and the plain routes beside it."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_demo(Path(folder) / "demo") as running:
            document = running.application.app.openapi()
            plain = list(_plain_routes(running.application.app.routes, set(document["paths"])))
    for name in ("ACME_SHOPIFY_SECRET", "ACME_TWILIO_TOKEN"):
        os.environ.pop(name, None)
    return document, plain


def _plain_routes(routes: Iterable[Any], known: set[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the routes that take raw bodies and are not in OpenAPI, with their docstring's first sentence."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _plain_routes(inner.routes, known)
            continue
        path, methods = getattr(route, "path", ""), getattr(route, "methods", None) or ()
        if path not in known and path.startswith(("/v1/", "/simulator", "/2010-04-01/")):
            for method in sorted(set(methods) - {"HEAD"}):
                yield path, method, _first_line(route.endpoint.__doc__).rstrip(".")


def _http(document: dict[str, Any], plain: list[tuple[str, str, str]]) -> str:
    """One line an operation."""
    lines = [_NOTE, "# HTTP\n"]
    lines.append("The machine-readable form is [openapi.json](openapi.json); a running process shows it at `/docs`.\n")
    lines.append("| method | path | what it does |\n|---|---|---|")
    operations = sorted([*_operations(document), *plain])
    lines.extend(f"| {method} | `{path}` | {summary} |" for path, method, summary in operations)
    return "\n".join(lines) + "\n"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation.get("summary", "")


def _files() -> str:
    """Point at the schemas of the files."""
    lines = [
        _NOTE,
        "# Files\n",
        "JSON Schemas of what merchants write; an editor that knows them completes and checks.\n",
    ]
    lines.extend(f"- [{name}](schemas/{name}.json)" for name in sorted(file_schemas()))
    return "\n".join(lines) + "\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    assert embedded.schemas()  # noqa: S101 - importing the application declares every metric and setting
    raise SystemExit(main(check="--check" in sys.argv[1:]))
