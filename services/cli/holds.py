"""`followup holds`: the limits on texts to new recipients, and the end of a hold."""

from typing import Annotated, Any

import typer

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.errors import ConfigurationFault


def holds(
    merchant: Annotated[str | None, typer.Option(help="Only this merchant (default: all).")] = None,
    release: Annotated[bool, typer.Option("--release", help="Allow texts to new recipients again.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show the limits on new recipients and on the day's spending; --release ends a hold.

    Example: followup holds --merchant acme --release
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        if release:
            if merchant is None:
                raise ConfigurationFault("--release needs the merchant: --merchant NAME")
            answer = client.post(merchant, "/v1/holds/release", {})
            typer.echo(
                f"{merchant}: texts to new recipients are sent again; they were held since {answer['held_since']}"
            )
            return
        for name in [merchant] if merchant is not None else client.merchants:
            typer.echo(f"{name}: {line(client.get(name, '/v1/holds') or {})}")


def line(limits: dict[str, Any]) -> str:
    """Return a merchant's limits in one line."""
    run, people, spend = limits["neighbouring_numbers"], limits["new_people"], limits["spend"]
    held = f"HELD since {run['held_since']} for neighbouring numbers" if run["held_since"] else "not held"
    return (
        f"{held}; {people['this_hour']} of {people['per_hour']} new people this hour; "
        f"{spend['today']} of {spend['per_day']} {spend['currency']} spent today (hard limit {spend['hard_per_day']})"
    )
