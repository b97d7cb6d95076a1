"""`followup notifications`: what merchants' endpoints were told, what was given up, and a test of an endpoint."""

from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from shared.errors import ConfigurationFault

notifications = typer.Typer(
    help="What merchants' endpoints were told: list it, send it again, discard it, test an endpoint."
)

MerchantArgument = Annotated[str, typer.Argument(help="The merchant.")]
DeliveryArgument = Annotated[str, typer.Argument(metavar="ID", help="As `followup notifications list` shows it.")]


@notifications.command("list")
def listed(
    merchant: MerchantArgument,
    state: Annotated[str, typer.Option(help="pending, delivered, dead, discarded, erased or all.")] = "all",
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show what a merchant's endpoints were told, the newest first.

    Example: followup notifications list acme --state dead
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    behind = f"&cursor={cursor}" if cursor else ""
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        page = client.get(merchant, f"/v1/deliveries?state={state}{behind}") or {}
    for delivery in page["deliveries"]:
        console.print(delivery_line(delivery))
    if page["next_cursor"]:
        console.print(f"More: followup notifications list {merchant} --state {state} --cursor {page['next_cursor']}")
    if not page["deliveries"]:
        console.print("There is none. Endpoints are written under `notify:` in merchant.yaml.")


@notifications.command()
def endpoints(merchant: MerchantArgument, merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """Show a merchant's endpoints, and how they do.

    Example: followup notifications endpoints acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        answer = client.get(merchant, "/v1/endpoints") or {}
    for endpoint in answer["endpoints"]:
        typer.echo(endpoint_line(endpoint))
    if answer["given_up"]:
        typer.echo(f"{answer['given_up']} given up: followup notifications list {merchant} --state dead")
    if not answer["endpoints"]:
        typer.echo("There is none. Endpoints are written under `notify:` in merchant.yaml.")


@notifications.command("test")
def send_test(
    merchant: MerchantArgument,
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in merchant.yaml.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Send an endpoint a test notification, and say where to see whether it arrived.

    Example: followup notifications test acme helpdesk
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        answer = client.post(merchant, f"/v1/endpoints/{endpoint}/test", {})
    typer.echo(f"{answer['id']} is on its way: followup notifications list {merchant}")


@notifications.command()
def redrive(
    merchant: MerchantArgument,
    delivery: DeliveryArgument,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Send a notification again that was given up; the receiver sees the same id.

    Example: followup notifications redrive acme 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        typer.echo(delivery_line(_changed(client, merchant, delivery, "redrive", {})))


@notifications.command()
def discard(
    merchant: MerchantArgument,
    delivery: DeliveryArgument,
    why: Annotated[str, typer.Option(help="The reason; it is kept with the audit log.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Decide that a notification need not arrive.

    Example: followup notifications discard acme 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f --why "the helpdesk has it"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        typer.echo(delivery_line(_changed(client, merchant, delivery, "discard", {"reason": why})))


def delivery_line(delivery: dict[str, Any]) -> str:
    """Return a notification in one line."""
    tries = f", {delivery['attempts']} attempts" if delivery["attempts"] > 1 else ""
    next_try = f", next {delivery['next_at']}" if delivery["next_at"] and delivery["attempts"] else ""
    wrong = f": {delivery['detail']} ({delivery['problem']})" if delivery["problem"] else ""
    head = f"{delivery['id']}  {delivery['created_at']}  {delivery['type']} to {delivery['endpoint']}"
    return plain(f"{head}  {delivery['state']}{tries}{next_try}{wrong}")


def endpoint_line(endpoint: dict[str, Any]) -> str:
    """Return an endpoint in one line."""
    failing = (
        f"FAILING since {endpoint['failing_since']}, {endpoint['failures']} times in a row"
        if endpoint["failures"]
        else "works"
    )
    events = ", ".join(endpoint["events"])
    last = f"last {endpoint['last_delivered_at']}" if endpoint["last_delivered_at"] else "nothing delivered yet"
    head = f"{endpoint['name']}  {endpoint['channel']}  {failing}, {last}"
    return f"{head}; {endpoint['waiting']} waiting; told of {events}"


def _changed(client: APIClient, merchant: str, delivery: str, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a notification after a change.

    Raises:
        ConfigurationFault: there is no such notification, or it is in another state; the message says which.
    """
    client.require(merchant)
    if not delivery.replace("-", "").isalnum():
        raise ConfigurationFault(f"{delivery} is no id; `followup notifications list {merchant}` shows them")
    return client.post(merchant, f"/v1/deliveries/{delivery}/{verb}", body)
