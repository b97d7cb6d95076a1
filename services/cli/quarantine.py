"""`followup quarantine`: genuine deliveries that could not be read, read again or discarded."""

from collections import Counter
from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.api_client import open_client
from services.cli.list_by_default import ListByDefault
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from shared.errors import ConfigurationFault

_PATH = "/v1/quarantine"
_AT_ONCE = 100

quarantine = typer.Typer(
    cls=ListByDefault, help="Genuine deliveries that could not be read: read them again, or discard them."
)

MerchantArgument = Annotated[str, typer.Argument(help="Whose deliveries.")]


@quarantine.command("list")
def listed(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended; with a merchant.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show genuine deliveries that could not be read, and why, the newest first.

    Example: followup quarantine acme
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    behind = f"?cursor={cursor}" if cursor else ""
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        elif cursor:
            raise ConfigurationFault("a page goes on for one merchant: name it before --cursor")
        names = [merchant] if merchant is not None else client.merchants
        pages = {name: client.get(name, f"{_PATH}{behind}") or {} for name in names}
    for name, page in pages.items():
        for delivery in page["deliveries"]:
            console.print(line(name, delivery))
        if page["next_cursor"]:
            console.print(f"More: followup quarantine {name} --cursor {page['next_cursor']}")
    if not any(page["deliveries"] for page in pages.values()):
        console.print("Every delivery could be read.")


@quarantine.command()
def redrive(
    merchant: MerchantArgument,
    delivery_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Only these.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the merchant, the oldest first.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Read deliveries again, after the merchant's file or this program was mended; nothing is taken twice.

    Example: followup quarantine redrive acme --all
    """
    if bool(delivery_ids) == everything:
        raise ConfigurationFault("name the deliveries, or --all")
    outcomes: Counter[str] = Counter()
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        bodies: list[dict[str, Any]] = [
            {"delivery_ids": (delivery_ids or [])[start : start + _AT_ONCE]}
            for start in range(0, len(delivery_ids or []), _AT_ONCE)
        ]
        bodies = bodies or [{"everything": True}]
        while bodies:
            answer = client.post(merchant, f"{_PATH}/redrive", bodies.pop(0))
            outcomes.update(each["outcome"] for each in answer["deliveries"])
            if answer["next"]:
                bodies.append({"everything": True, "after": answer["next"]})
    still = outcomes.pop("quarantined", 0)
    read = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())) or "none could be read"
    typer.echo(f"{merchant}: {read}; {still} still in quarantine")


@quarantine.command()
def discard(
    merchant: MerchantArgument,
    delivery_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `followup quarantine` shows them.")],
    why: Annotated[str, typer.Option(help="The reason, for those who look later.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Discard deliveries that need not be read.

    Example: followup quarantine discard acme 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f --why "a test of the platform"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        found = client.post(merchant, f"{_PATH}/discard", {"delivery_ids": delivery_ids, "reason": why})
    typer.echo(f"{merchant}: {len(found['delivery_ids'])} discarded")


def line(merchant: str, delivery: dict[str, Any]) -> str:
    """Return a delivery in two lines: which, and why it could not be read. Words of platforms draw nothing."""
    head = f"{delivery['delivery_id']}  {merchant}  {delivery['source']}  {delivery['received_at']}"
    text = f"  {delivery['reason']}: {delivery['topic']}: {delivery['detail']}"
    return f"{head}\n" + plain(text)
