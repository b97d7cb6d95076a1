"""`followup approvals`: what waits for a second person's yes."""

from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain


def approvals(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also what was answered, has expired or is over.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show what waits for a second person's yes: what would go, who asked and why.

    Another user of the console than the one who asked answers there, under Pause and stop; no command does.

    Example: followup approvals acme --all
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    is_open = False
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        shown = 0
        for name in [merchant] if merchant is not None else client.merchants:
            page = client.get(name, f"/v1/approvals?state={'all' if all_ else 'open'}") or {"approvals": []}
            for approval in page["approvals"]:
                console.print(line(name, approval))
                shown += 1
                is_open = is_open or approval["state"] == "open"
    if is_open:
        console.print("Another user than who asked says yes or no at the console, under Pause and stop.")
    if not shown:
        console.print("Nothing waits for a second person.")


def line(merchant: str, approval: dict[str, Any]) -> str:
    """Return a question in one line, without what would draw on a terminal."""
    named = ("flow", "step", "number", "provider")
    scope = ", ".join(f"{name} {approval['subject'][name]}" for name in named if approval["subject"][name])
    texts = approval["texts"] if approval["texts_now"] is None else approval["texts_now"]
    state = {"yes": "said yes", "no": "said no"}.get(approval["state"])
    end = f"{approval['answered_by']} {state} {approval['answered_at']}" if state else approval["state"]
    if approval["state"] == "open":
        end = f"open until {approval['expires_at']}"
    asked = f"asked {approval['asked_at']} by {approval['asked_by']} ({plain(approval['reason'])})"
    return f"{merchant}: let {texts} texts go ({scope or 'all'}); {asked}; {end}"
