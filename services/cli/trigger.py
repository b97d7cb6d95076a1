"""`followup trigger`: a made-up event, sent through the real intake."""

import json
import secrets
from typing import Annotated, Any

import typer

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.errors import ConfigurationFault
from shared.money import InexactAmount, minor_units

_WORDS = "Recorded by `followup trigger` for a phone of the shop's own."


def trigger(
    kind: Annotated[str, typer.Argument(help="What happened: purchase, inquiry, delivery, custom.visit, …")],
    *,
    merchant: Annotated[str, typer.Option(help="The merchant at which it happened.")],
    to: Annotated[str, typer.Option(help="The person's number, in E.164.")],
    subject: Annotated[str | None, typer.Option(help="The order or cart (default: a new one).")] = None,
    amount: Annotated[str | None, typer.Option(help="Of the order, in main units: 49.90.")] = None,
    currency: Annotated[str, typer.Option(help="Of the amount.")] = "USD",
    facts: Annotated[str | None, typer.Option(help="More of what texts read, as a JSON object.")] = None,
    first_name: Annotated[str | None, typer.Option(help="The person's first name.")] = None,
    consent: Annotated[
        str | None, typer.Option(help="Record a consent with it: all, marketing or informational; own phones only.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Mark it as a test: no figure counts it.")] = False,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Send a made-up event through the real intake, as a shop's own system would; flows start, texts go.

    A consent is evidence that somebody agreed: record one only for a phone whose owner did.

    Example: followup trigger purchase --to +12125550123 --amount 49.90 --consent all --merchant acme
    """
    number = secrets.token_hex(4)
    order = subject or f"order-{number}"
    body: dict[str, Any] = {
        "id": f"trigger-{number}",
        "kind": kind,
        "subject": order,
        "test": test,
        "recipient": {"phone": to, "first_name": first_name},
        "facts": {"order_name": f"#{order}", "order_status_url": "https://example.com/orders", **_object(facts)},
    }
    if amount is not None:
        body["amount"] = {"minor": _minor(amount, currency.upper()), "currency": currency.upper()}
    if consent is not None:
        words = {"disclosure": _WORDS, "method": "command", "source": "followup trigger"}
        body["consent"] = [{"scope": consent, "event": "granted", **words}]
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        answer = client.post(merchant, "/v1/events", body)
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    typer.echo(f"{kind} {order} was taken in; see what it leads to in the console", err=True)


def _object(text: str | None) -> dict[str, Any]:
    """Return what a command line gives as a JSON object.

    Raises:
        ConfigurationFault: it is none.
    """
    try:
        found = json.loads(text or "{}")
    except json.JSONDecodeError as problem:
        raise ConfigurationFault(f"--facts is not JSON: {problem}") from None
    if not isinstance(found, dict):
        raise ConfigurationFault('--facts must be a JSON object, such as {"item": "Blue mug"}')
    return found


def _minor(amount: str, currency: str) -> int:
    """Return an amount in minor units.

    Raises:
        ConfigurationFault: it is no amount of this currency.
    """
    try:
        return minor_units(amount, currency)
    except InexactAmount as problem:
        raise ConfigurationFault(f"{amount} {currency}: {problem}; write an amount such as 49.90") from None
