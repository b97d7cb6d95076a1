"""`followup send` and `followup explain`: enqueue one follow-up, and say what became of one."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from services.cli.api_client import APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from shared.errors import ConfigurationFault


def send(
    to: Annotated[str, typer.Argument(help="The recipient's number, in E.164.")],
    text: Annotated[str | None, typer.Argument(help="The text; Liquid allowed. With --flow: left out.")] = None,
    *,
    merchant: Annotated[str, typer.Option(help="The merchant that sends.")],
    purpose: Annotated[
        str, typer.Option(help="marketing, informational, transactional or conversation.")
    ] = "transactional",
    due_in: Annotated[str | None, typer.Option(help="How long from now: 30s, 2h, 3d (default: now).")] = None,
    flow: Annotated[
        str | None, typer.Option(help="Start a run of this flow; with --test, show one of its texts.")
    ] = None,
    step: Annotated[str | None, typer.Option(help="With --test and --flow: which text (default: the first).")] = None,
    trigger: Annotated[str | None, typer.Option(help="With --flow: what happened, as JSON.")] = None,
    test: Annotated[
        bool, typer.Option("--test", help="To a phone under test_recipients; goes now, in no figure.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the text and the gate's advice.")] = False,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Enqueue one follow-up through the running process; the gate decides on it as on any other.

    Example: followup send +12125550123 "Your table is ready." --merchant acme --dry-run
    Example: followup send +12125550123 --merchant acme --test --flow order-thank-you --trigger '{"order_name": "#1"}'
    """
    body: dict[str, Any] = {"to": to, "test": test, "dry_run": dry_run}
    if flow is None:
        body |= {"text": text, "purpose": purpose, "due_in": due_in, "if_past": "send"}
    else:
        body |= {"flow": flow, "step": step, "trigger": _facts(trigger)}
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        answer = client.post(merchant, "/v1/follow-ups", body)
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def _facts(trigger: str | None) -> Any:
    """Return the facts that a command line gives as JSON.

    Raises:
        ConfigurationFault: they are none.
    """
    try:
        return json.loads(trigger or "{}")
    except json.JSONDecodeError as problem:
        raise ConfigurationFault(f"--trigger is not JSON: {problem}") from None


def explain(
    follow_up_id: Annotated[str, typer.Argument(help="The follow-up's id, as the API and the console show it.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Explain why a text was or was not sent: each step, the verdict, the rule, the next permitted time.

    Example: followup explain 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        found = _found(client, follow_up_id)
    if found is None:
        raise ConfigurationFault(f"no merchant here has a follow-up {follow_up_id}")
    _print(Console(), *found)


def _found(client: APIClient, follow_up_id: str) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]] | None:
    """Return the follow-up, its decisions and its journey; None when no merchant has it."""
    for merchant in client.merchants:
        follow_up = client.get(merchant, f"/v1/follow-ups/{follow_up_id}")
        if follow_up is not None:
            decisions = client.get(merchant, f"/v1/decisions/{follow_up_id}") or {}
            journey = client.get(merchant, f"/v1/journeys/{follow_up_id}") or {}
            return follow_up, list(decisions.get("decisions", [])), journey
    return None


def _print(
    console: Console, follow_up: dict[str, Any], decisions: list[dict[str, Any]], journey: dict[str, Any]
) -> None:
    console.print(f"[bold]Follow-up {follow_up['follow_up_id']}[/]: {_progress(follow_up, journey)}", soft_wrap=True)
    for event in journey.get("events", []):
        console.print(f"  [dim]{event['at']}[/]  {escape(plain(event['summary']))}")
    for decision in decisions:
        console.print(
            f"\n[bold]Verdict of release {decision.get('release')}[/]: {decision['decision']} ({decision['reason']})"
        )
        console.print(f"  {escape(plain(decision['explanation']))}")
        for rule in decision.get("rules", []):
            state = "skipped: " + rule["skipped"] if rule.get("skipped") else ("open" if rule.get("open") else "closed")
            console.print(f"  rule {rule['id']} ({rule['cite']}): {rule.get('hours')} - {state}")
        for zone in decision.get("zones", []):
            console.print(f"  in {zone['zone']} it was {zone['local_time']} ({zone['why']})")
        if decision.get("until"):
            console.print(f"  next legal instant: {decision['until']}")


def _progress(follow_up: dict[str, Any], journey: dict[str, Any]) -> str:
    """Return its state and what it waits for: the scheduler knows its queues and turns, metrics the calls."""
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
