"""`followup sources`: whether merchants' sources bring anything, and what becomes of it."""

from typing import Annotated, Any

import typer

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of


def sources(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show each source's last delivery, what became of the last day's, and what last went wrong.

    Example: followup sources acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        for name in [merchant] if merchant is not None else client.merchants:
            for source in (client.get(name, "/v1/sources") or {"sources": []})["sources"]:
                typer.echo(line(name, source))


def line(merchant: str, source: dict[str, Any]) -> str:
    """Return a source in up to three lines."""
    last = source["last_delivery_at"]
    state = f"last delivery {last}" if last else "no delivery yet"
    notes = [] if source["is_configured"] else ["not in the merchant's file"]
    notes += ["silent since then"] if source["silent_since"] else []
    counts = ", ".join(f"{number} {outcome}" for outcome, number in source["last_24h"].items() if number)
    lines = [f"{merchant}  {source['source']}  {state}" + (f"  ({'; '.join(notes)})" if notes else "")]
    lines.append(f"  last 24 h: {counts or 'nothing'}; {source['quarantined']} in quarantine")
    if error := source["last_error"]:
        lines.append(f"  last error {error['at']}: {error['what']}")
    return "\n".join(lines)
