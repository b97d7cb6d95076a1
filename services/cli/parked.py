"""`followup parked`: events that could not be handled, handled again or discarded while everything runs."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_client
from services.cli.list_by_default import ListByDefault
from services.cli.options import DataOption, MerchantsOption, ServicesOption, known_services, settings_of
from services.cli.plain import plain
from shared.errors import ConfigurationFault
from shared.vocabulary.service_names import EVENT_SERVICES

parked = typer.Typer(
    cls=ListByDefault, help="Events that could not be handled: mend the cause, and have them handled in order."
)

MerchantArgument = Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")]


@parked.command("list")
def listed(
    merchant: MerchantArgument = None,
    service: ServicesOption = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show events that could not be handled, and those that wait behind them, the oldest first.

    Example: followup parked acme --service scheduler
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    found = 0
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        for name in known_services(service, EVENT_SERVICES):
            for whose in _asked(client, merchant):
                page = client.get(whose.caller, f"/v1/parked/{name}{whose.query}") or {"parked": [], "count": 0}
                found += page["count"]
                for event in page["parked"]:
                    console.print(line(whose.name, name, event))
                if page["count"] > len(page["parked"]):
                    console.print(f"  and {page['count'] - len(page['parked'])} more of {whose.name} at {name}")
    if not found:
        console.print("Nothing is parked.")


@parked.command()
def redrive(
    merchant: MerchantArgument = None,
    service: ServicesOption = None,
    recipient: Annotated[str | None, typer.Option(help="Only events of this recipient id.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Handle parked events again, in order, while everything runs; what fails again stays and keeps no other.

    Example: followup parked redrive acme --service scheduler
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        redrive_all(client, known_services(service, EVENT_SERVICES), merchant, recipient)


@parked.command()
def discard(
    merchant: Annotated[str, typer.Argument(help="Whose events.")],
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="As `followup parked` shows them.")],
    service: Annotated[str, typer.Option(help="The service that parked them.")],
    why: Annotated[str, typer.Option(help="The reason, for those who look later.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Delete parked events without handling them; never those about consent and rights.

    Example: followup parked discard acme 12 --service metrics --why "of a version that was taken back"
    """
    [name] = known_services([service], EVENT_SERVICES)
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        gone = client.post(merchant, f"/v1/parked/{name}/discard", {"ids": numbers, "reason": why})
    typer.echo(f"{name}: {len(gone['ids'])} discarded; what waited behind them goes on with: followup parked redrive")


def redrive_all(
    client: APIClient, services: Sequence[str], merchant: str | None = None, recipient: str | None = None
) -> None:
    """Handle what is parked again, service by service, and print how much was and how much stays."""
    for name in services:
        outcomes: Counter[str] = Counter()
        for whose in _asked(client, merchant):
            body: dict[str, Any] | None = {"recipient_id": recipient} if recipient else {"everything": True}
            while body is not None:
                answer = client.post(whose.caller, f"/v1/parked/{name}/redrive", body | whose.body)
                outcomes.update(each["outcome"] for each in answer["events"])
                body = body | {"after": answer["next"]} if answer["next"] else None
        processed = outcomes["processed"] + outcomes["gone"]
        typer.echo(f"{name}: {processed} processed, {outcomes.total() - processed} still parked")


def line(whose: str, service: str, event: dict[str, Any]) -> str:
    """Return a parked event in two lines: which, and why."""
    tries = f", failed again {event['attempts']} times" if event["attempts"] else ""
    head = f"{event['id']}  {service}  {whose}  {event['type']}  recipient {event['recipient_id']}"
    return f"{head}\n" + plain(f"  since {event['parked_at']}{tries}: {event['reason']}")


class _Whose:
    """Events of a merchant, or those of which nobody knows whose they are."""

    def __init__(self, caller: str, *, of_no_merchant: bool = False) -> None:
        self.caller = caller
        self.name = "of no merchant" if of_no_merchant else caller
        self.query = "?of_no_merchant=true" if of_no_merchant else ""
        self.body = {"of_no_merchant": True} if of_no_merchant else {}


def _asked(client: APIClient, merchant: str | None) -> list[_Whose]:
    """Return whose events are meant: one merchant's, or everybody's, and for the operator also nobody's.

    Raises:
        ConfigurationFault: there is no merchant for whom to ask.
    """
    if merchant is not None:
        client.require(merchant)
        return [_Whose(merchant)]
    if not client.merchants:
        raise ConfigurationFault("there is no merchant; choose the folder of their files with --merchants")
    everybody = [_Whose(name) for name in client.merchants]
    return [*everybody, _Whose(client.merchants[0], of_no_merchant=True)] if client.is_operator else everybody
