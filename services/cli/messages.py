"""`followup messages` and `followup cancel`: every text of a merchant, and calling some of them off."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from shared.errors import ConfigurationFault

_CANCEL = "/v1/follow-ups/cancel"
_LOOKUP = "/v1/recipients/lookup"
_SHOWN = 50

MerchantName = Annotated[str, typer.Argument(help="The merchant.")]


def messages(
    merchant: MerchantName,
    state: Annotated[str | None, typer.Option(help="pending, delivered, blocked, failed, unknown, …")] = None,
    reason: Annotated[str | None, typer.Option(help="Why it waits or was not sent: quiet_hours, opted_out, …")] = None,
    flow: Annotated[str | None, typer.Option(help="Only this flow.")] = None,
    number: Annotated[str | None, typer.Option(help="Only what is sent from this number.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only what is sent through this provider.")] = None,
    to: Annotated[str | None, typer.Option(help="Only texts to this person, by phone number.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended.")] = None,
    preview: Annotated[
        str | None, typer.Option(metavar="ID", help="Instead of a list: how this planned text would read now.")
    ] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """List texts, the newest first: of a state, reason, flow, number, or person.

    Example: followup messages acme --state blocked --flow win-back
    Example: followup messages acme --preview 018c0000-0000-7000-8000-0000000000d1
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    asked = {"state": state, "reason": reason, "flow": flow, "number": number, "provider": provider, "cursor": cursor}
    query: dict[str, str] = {name: value for name, value in asked.items() if value} | {"limit": str(_SHOWN)}
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        if preview is not None:
            if to is not None or any(asked.values()):
                raise ConfigurationFault("--preview shows one text: give its id, and nothing to search for")
            found = client.get(merchant, f"/v1/follow-ups/{quote(preview, safe='')}/preview")
            console.print(*preview_lines(found) if found else ("There is no such text.",), sep="\n")
            return
        if to is not None:
            query["recipient"] = _recipient(client, merchant, to)
        page = client.get(merchant, f"/v1/messages?{urlencode(query)}") or {"messages": [], "next_cursor": None}
    for message in page["messages"]:
        console.print(line(message))
    if page.get("searched_back_to"):
        console.print(f"Searched back to {page['searched_back_to']}.")
    elif not page["messages"]:
        console.print("There is no such text.")
    if page["next_cursor"]:
        console.print(f"More: the same with --cursor {page['next_cursor']}")


def cancel(
    merchant: MerchantName,
    why: Annotated[str, typer.Option(help="The reason, for those who look later.")],
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The texts, as `messages` lists them.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="All planned texts to this person, by phone number.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before texts are cancelled.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Cancel planned texts, by their ids or all of one person, after saying how many.

    Example: followup cancel acme --to +12125550123 --why "she asked for it"
    """
    if bool(ids) == (to is not None):
        raise ConfigurationFault("name either the ids of texts, or a person with --to")
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        body: dict[str, Any] = {"reason": why}
        body |= {"follow_ups": ids} if to is None else {"recipient": _recipient(client, merchant, to)}
        first = client.post(merchant, _CANCEL, {**body, "dry_run": True})
        typer.echo(cancel_line(first, "would be"))
        if not first["cancelled"] + first["under_way"]:
            return
        if not yes and not typer.confirm("Cancel them?"):
            raise typer.Exit(1)
        answer: dict[str, Any] = {"left": True}
        while answer["left"]:
            answer = client.post(merchant, _CANCEL, body)
            typer.echo(cancel_line(answer, "were"))


def line(message: dict[str, Any]) -> str:
    """Return a text as a line."""
    at = message["planned_at"] or message["changed_at"]
    what = f"{message['flow'] or '?'}/{message['step'] or '?'}"
    return plain(f"{at}  {message['follow_up_id']}  {message['label']:<12}  {what}  {message['explanation']}")


def preview_lines(found: dict[str, Any]) -> list[str]:
    """Return how a planned text would read, and what of it is not settled yet."""
    size = found["parts"]
    return [
        *(plain(each) for each in found["text"].splitlines()),
        f"({size['parts']} {'part' if size['parts'] == 1 else 'parts'}, {size['encoding']})",
        f"A preview as of now, not sent; due {found['due_local']}.",
    ]


def cancel_line(answer: dict[str, Any], verb: str) -> str:
    """Return what became of texts, or would."""
    at_least = "at least " if answer["left"] and verb != "were" else ""
    said = f"{at_least}{answer['cancelled']} planned texts {verb} cancelled"
    if answer["under_way"]:
        said += f", and {answer['under_way']} that may be on their way all the same"
    if answer["already_ended"]:
        said += f"; {answer['already_ended']} had ended before"
    if answer["not_found"]:
        said += f"; {answer['not_found']} are not known here"
    return f"{said}."


def _recipient(client: APIClient, merchant: str, to: str) -> str:
    """Return the recipient id of a number."""
    return str(client.post(merchant, _LOOKUP, {"to": to})["recipient_id"])
