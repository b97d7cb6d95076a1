"""Commands that ask: send one text, explain one, judge a file of cases, read a file of replies."""

import codecs
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_application
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.compliance.gate.advice import advise
from shared.config.problem import did_you_mean
from shared.errors import ConfigurationFault
from shared.inbound import Context
from shared.inbound import classify as read_reply

STANDARD_INPUT = Path("-")
_CASE_FIELDS = frozenset({"text", "context"})
FileArgument = Annotated[Path, typer.Argument(help="A file of JSON objects, one a line; - reads standard input.")]


def send(
    to: Annotated[str, typer.Argument(help="The number to write to, E.164.")],
    text: Annotated[str, typer.Argument(help="The text; Liquid allowed.")],
    merchant: Annotated[str, typer.Option(help="On whose behalf.")],
    purpose: Annotated[str, typer.Option(help="marketing, informational or transactional.")] = "transactional",
    due_in: Annotated[str | None, typer.Option(help="How long from now: 30s, 2h, 3d [default: now].")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the text and the gate's advice.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Enqueue one follow-up through the running process; the gate judges it like any other.

    Example: followup send +12125550123 "Your table is ready." --merchant acme --dry-run
    """
    body = {"to": to, "text": text, "purpose": purpose, "due_in": due_in, "if_past": "send", "dry_run": dry_run}
    with open_application(settings_of(merchants_dir=merchants, data_dir=data)) as application:
        application.require(merchant)
        answer = application.post(merchant, "/v1/follow-ups", body)
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def explain(
    follow_up_id: Annotated[str, typer.Argument(help="The follow-up's id, as the API and the console show it.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Tell why a text was sent or was not: each step, the verdict, the rule, the next legal instant.

    Example: followup explain 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f
    """
    with open_application(settings_of(merchants_dir=merchants, data_dir=data)) as application:
        found = _found(application, follow_up_id)
    if found is None:
        raise ConfigurationFault(f"no merchant here has a follow-up {follow_up_id}")
    _tell(Console(), *found)


def _found(
    application: APIClient, follow_up_id: str
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]] | None:
    """Return the follow-up, its decisions and its journey, from whichever merchant has it."""
    for merchant in application.merchants:
        follow_up = application.get(merchant, f"/v1/follow-ups/{follow_up_id}")
        if follow_up is not None:
            decisions = application.get(merchant, f"/v1/decisions/{follow_up_id}") or {}
            journey = application.get(merchant, f"/v1/journeys/{follow_up_id}") or {}
            return follow_up, list(decisions.get("decisions", [])), journey
    return None


def _tell(
    console: Console, follow_up: dict[str, Any], decisions: list[dict[str, Any]], journey: dict[str, Any]
) -> None:
    """Print the story."""
    console.print(f"[bold]Follow-up {follow_up['follow_up_id']}[/]: {_standing(follow_up, journey)}", soft_wrap=True)
    for event in journey.get("events", []):
        console.print(f"  [dim]{event['at']}[/]  {event['summary']}")
    for decision in decisions:
        console.print(
            f"\n[bold]Verdict of release {decision.get('release')}[/]: {decision['decision']} ({decision['reason']})"
        )
        console.print(f"  {decision['explanation']}")
        for rule in decision.get("rules", []):
            state = "skipped: " + rule["skipped"] if rule.get("skipped") else ("open" if rule.get("open") else "closed")
            console.print(f"  rule {rule['id']} ({rule['cite']}): {rule.get('hours')} - {state}")
        for zone in decision.get("zones", []):
            console.print(f"  in {zone['zone']} it was {zone['local_time']} ({zone['why']})")
        if decision.get("until"):
            console.print(f"  next legal instant: {decision['until']}")


def _standing(follow_up: dict[str, Any], journey: dict[str, Any]) -> str:
    """Return where it stands and what it waits for: the scheduler knows its lines and turns, metrics the calls."""
    progress = follow_up["progress"]
    if progress["doing"] == "under_way" and "progress" in journey:
        progress = journey["progress"]
    said = follow_up["state"]
    if progress["doing"] in {"waiting", "unanswered", "sending", "at_the_gate"}:
        said += f", {progress['doing'].replace('_', ' ')}"
    if progress["detail"]:
        said += f" ({progress['detail']})"
    if progress["waits_for"]:
        said += f"; waits for {progress['waits_for']}"
    if progress["until"]:
        said += f", looked at again at {progress['until']}"
    explanation = journey.get("explanation")
    return f"{said}\n  {explanation}" if explanation else said


def gate(file: FileArgument = STANDARD_INPUT) -> None:
    """Judge cases without sending anything: one JSON object a line in, one a line out, in order.

    Example: echo '{"to": "+12125550123", "class": "marketing", "now": "2026-12-01T12:59:00Z"}' | followup gate -
    """
    _each_line(file, advise)


def classify(file: FileArgument = STANDARD_INPUT) -> None:
    """Read inbound texts, one JSON object a line in, one a line out; contexts: subscribed, opted_out, pending, none.

    Example: echo '{"text": "pls stop", "context": "subscribed"}' | followup classify -
    """
    _each_line(file, _reading)


def _reading(case: dict[str, Any]) -> dict[str, Any]:
    """Return how one inbound text is read."""
    if not isinstance(case.get("text"), str):
        return {"error": "text: a string is needed"}
    try:
        context = Context(case.get("context", "none"))
    except ValueError:
        return {"error": f"context: one of {', '.join(Context)}"}
    for name in case.keys() - _CASE_FIELDS:
        return {"error": f"{name}: unknown field; {did_you_mean(name, _CASE_FIELDS)}"}
    reading = read_reply(case["text"], context)
    return {"class": reading.reply_class, "needs_review": reading.needs_review, "why": reading.why}


def _each_line(file: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer each line; a line that is not a JSON object answers `{"error": ...}` in its place."""
    for line in _lines(file):
        try:
            case = orjson.loads(line)
        except orjson.JSONDecodeError as problem:
            result: dict[str, Any] = {"error": f"not JSON: {problem}"}
        else:
            result = answer(case) if isinstance(case, dict) else {"error": "a JSON object is needed"}
        sys.stdout.write(orjson.dumps(result).decode() + "\n")
    sys.stdout.flush()


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file or of standard input, blank ones left out; whether they are text is told by line."""
    if file == STANDARD_INPUT:
        yield from filter(bytes.strip, _unmarked(sys.stdin.buffer))
        return
    try:
        with file.open("rb") as stream:
            yield from filter(bytes.strip, _unmarked(stream))
    except OSError as problem:
        raise ConfigurationFault(f"{file}: cannot be read ({problem.strerror})") from None


def _unmarked(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines in UTF-8 without the mark of byte order that PowerShell writes before a file, in UTF-16 too."""
    first = stream.readline()
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from (first + stream.read()).decode("utf-16", "replace").encode().splitlines()
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from stream
