"""`followup replies`: replies that could not be matched to a person or a merchant's number."""

import json
from typing import Annotated

import typer
from rich.console import Console

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain

replies = typer.Typer(
    help="Replies that could not be matched to a person or a merchant's number.", no_args_is_help=True
)

MerchantOption = Annotated[str, typer.Option(help="The merchant whose provider delivered it.")]
ReplyArgument = Annotated[str, typer.Argument(help="The reply's id, as `followup replies unassigned` shows it.")]


@replies.command()
def unassigned(
    merchant: MerchantOption,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show replies whose sender or number is unknown, the newest first, with what they say.

    Example: followup replies unassigned --merchant acme
    """
    path = "/v1/replies/unassigned" + (f"?cursor={cursor}" if cursor else "")
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        page = client.get(merchant, path) or {"replies": [], "next_cursor": None}
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for each in page["replies"]:
        fields = {name: plain(json.dumps(value, ensure_ascii=False)) for name, value in (each["fields"] or {}).items()}
        console.print(f"{each['id']}\n  {each['received_at']}  {each['provider']}  {each['reason']}")
        console.print(f"  from {fields.get('From', '?')} to {fields.get('To', '?')}, read as {each['reply_class']}")
        console.print(f"  {fields.get('Body', '')}")
    if not page["replies"]:
        console.print("No reply is unassigned.")
    if page["next_cursor"]:
        console.print(f"More: --cursor {page['next_cursor']}")


@replies.command()
def assign(
    reply_id: ReplyArgument,
    merchant: MerchantOption,
    to: Annotated[str | None, typer.Option(help="The person's number (default: the reply's sender).")] = None,
    at: Annotated[str | None, typer.Option(help="The merchant it is for, if another one.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Assign a reply to a person: a STOP in it opts the person out.

    Example: followup replies assign 6f0c… --merchant acme --to +12125550123
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        path = f"/v1/replies/unassigned/{reply_id}/assign"
        answer = client.post(merchant, path, {"to": to, "merchant": at})
    typer.echo(f"Recorded as {answer['reply_class']} for {answer['merchant']}.")


@replies.command()
def dismiss(
    reply_id: ReplyArgument,
    merchant: MerchantOption,
    although_opt_out: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--although-opt-out", help="Delete it even if it is an opt-out.")
    ] = False,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Delete a reply that no person can be found for.

    Example: followup replies dismiss 6f0c… --merchant acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        path = f"/v1/replies/unassigned/{reply_id}/dismiss"
        client.post(merchant, path, {"although_opt_out": although_opt_out})
    typer.echo("Deleted.")
