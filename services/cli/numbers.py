"""`followup numbers`: whether merchants' numbers send, what waits for them, and what goes wrong."""

from typing import Annotated, Any

import typer

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of


def numbers(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show each sender number's state, rate, queue and registration, and the errors of the last day.

    Example: followup numbers acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        for name in [merchant] if merchant is not None else client.merchants:
            for provider in (client.get(name, "/v1/providers") or {"providers": []})["providers"]:
                if not provider["is_usable"]:
                    typer.echo(f"{name}  the account {provider['provider']} cannot be used: followup doctor")
            for number in (client.get(name, "/v1/numbers") or {"numbers": []})["numbers"]:
                typer.echo(line(name, number))


def line(merchant: str, number: dict[str, Any]) -> str:
    """Return a number in two lines: how it is, and what goes wrong."""
    state = "sends"
    if number["state"] != "closed":
        again = f", tries again at {number['tries_again_at']}" if number["tries_again_at"] else ""
        state = f"{number['state']} ({number['reason'] or 'no reason is kept'}{again})"
    errors = ", ".join(f"{count} {error}" for error, count in number["errors_24h"].items())
    head = f"{merchant}  {number['number']}  {number['provider']}  {state}, {number['queued']} waiting"
    rate = f"  {number['parts_per_second']:g} parts a second, {number['registration']}"
    return f"{head}\n{rate}; errors of 24 h: {errors or 'none'}"
