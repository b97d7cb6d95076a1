"""`followup holds`: what bounds texts to people nobody knows yet, and an end to a hold."""

from typing import Annotated, Any

import typer

from services.cli.api_client import open_application
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.errors import ConfigurationFault


def holds(
    merchant: Annotated[str | None, typer.Option(help="Of which merchant [default: all].")] = None,
    release: Annotated[bool, typer.Option("--release", help="Let texts to new people go again.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show what bounds texts to new people and the day's spending; --release ends a hold.

    Example: followup holds --merchant acme --release
    """
    with open_application(settings_of(merchants_dir=merchants, data_dir=data)) as application:
        if merchant is not None:
            application.require(merchant)
        if release:
            if merchant is None:
                raise ConfigurationFault("name the merchant whose texts may go again: --merchant NAME")
            told = application.post(merchant, "/v1/holds/release", {})
            typer.echo(f"{merchant}: texts to new people go again; they were held since {told['held_since']}")
            return
        for name in [merchant] if merchant is not None else application.merchants:
            typer.echo(f"{name}: {line(application.get(name, '/v1/holds') or {})}")


def line(told: dict[str, Any]) -> str:
    """Return a merchant's bounds in one line."""
    run, people, spend = told["neighbouring_numbers"], told["new_people"], told["spend"]
    held = f"HELD since {run['held_since']} for neighbouring numbers" if run["held_since"] else "not held"
    return (
        f"{held}; {people['this_hour']} of {people['per_hour']} new people this hour; "
        f"{spend['today']} of {spend['per_day']} {spend['currency']} spent today (hard limit {spend['hard_per_day']})"
    )
