"""`followup inbox`: what people wrote, what they were sent, and what somebody decides about it."""

import shlex
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_client
from services.cli.list_by_default import ListByDefault
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from services.cli.saved_answers import saved
from shared.errors import ConfigurationFault

_PATH = "/v1/conversations"


inbox = typer.Typer(cls=ListByDefault, help="What people wrote: read it, decide about unclear replies, put it away.")

inbox.add_typer(saved, name="saved")

ConversationArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The recipient's id, as `followup inbox` shows it.")
]


class FoundConversation(NamedTuple):
    """A conversation, and the merchant that has it."""

    merchant: str
    thread: dict[str, Any]


@inbox.command("list")
def listed(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    state: Annotated[str, typer.Option(help="open, needs_review, unread, read, closed or all.")] = "open",
    who: Annotated[str | None, typer.Option(help="Only what this somebody handles.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended; with a merchant.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show who wrote: what needs a decision first, then what is unread, the newest first.

    Example: followup inbox acme --state needs_review
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    behind = (f"&assigned_to={quote(who)}" if who else "") + (f"&cursor={cursor}" if cursor else "")
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        elif cursor:
            raise ConfigurationFault("a page goes on for one merchant: name it before --cursor")
        names = [merchant] if merchant is not None else client.merchants
        pages = {name: client.get(name, f"{_PATH}?state={state}{behind}") or {} for name in names}
    for name, page in pages.items():
        for conversation in page["conversations"]:
            console.print(line(name, conversation))
        if page["next_cursor"]:
            whose = f" --who {shlex.quote(who)}" if who else ""
            console.print(f"More: followup inbox {name} --state {state}{whose} --cursor {page['next_cursor']}")
    if not any(page["conversations"] for page in pages.values()):
        console.print("Nobody waits here." if state == "open" else "There is no such conversation.")


@inbox.command()
def show(
    recipient_id: ConversationArgument,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show what a person wrote and was sent, the newest last.

    Example: followup inbox show 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        merchant, thread = _found(client, recipient_id, f"?cursor={cursor}" if cursor else "")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(line(merchant, thread["conversation"]))
    console.print(permission(thread["permission"]))
    if thread["next_cursor"]:
        console.print(f"Earlier: --cursor {thread['next_cursor']}")
    for item in reversed(thread["items"]):
        console.print(item_line(item))


@inbox.command()
def review(
    recipient_id: ConversationArgument,
    was_opt_out: Annotated[
        bool | None, typer.Option("--opt-out/--no-opt-out", help="What you read in the reply; asked for if not given.")
    ] = None,
    why: Annotated[str | None, typer.Option(help="Your reason, for the audit log.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Decide whether an unclear reply was an opt-out: it counts as the person's own, or the hold ends.

    Example: followup inbox review 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f --no-opt-out
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        merchant, thread = _found(client, recipient_id)
        conversation = thread["conversation"]
        if was_opt_out is None:
            for item in reversed(thread["items"]):
                typer.echo(item_line(item))
            was_opt_out = typer.confirm("Does this person want no more texts?")
        body = {"was_opt_out": was_opt_out, "seen": conversation["newest_reply_id"], "reason": why}
        client.post(merchant, f"{_PATH}/{recipient_id}/review", body)
    typer.echo("Recorded as their opt-out." if was_opt_out else "Marketing to them is held no longer.")


@inbox.command()
def answer(
    recipient_id: ConversationArgument,
    text: Annotated[str, typer.Argument(help="What to write; the brand is put before it.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Write back to a person who wrote in the last 24 hours.

    Example: followup inbox answer 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f "Yes, since this morning."
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        merchant, _ = _found(client, recipient_id)
        body = {"recipient_id": recipient_id, "purpose": "conversation", "text": text}
        planned = client.post(merchant, "/v1/follow-ups", body)
    typer.echo(f"On its way: followup explain {planned['follow_up_id']}")


@inbox.command()
def read(recipient_id: ConversationArgument, merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """Mark a conversation as read.

    Example: followup inbox read 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f
    """
    _change(recipient_id, "read", {}, merchants=merchants, data=data)


@inbox.command()
def assign(
    recipient_id: ConversationArgument,
    who: Annotated[str | None, typer.Argument(help="Who handles it (default: nobody in particular).")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Say who handles a conversation.

    Example: followup inbox assign 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f maria
    """
    _change(recipient_id, "assign", {"who": who}, merchants=merchants, data=data)


@inbox.command()
def close(recipient_id: ConversationArgument, merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """Put a conversation away until the person writes again.

    Example: followup inbox close 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f
    """
    _change(recipient_id, "close", {}, merchants=merchants, data=data)


def line(merchant: str, conversation: dict[str, Any]) -> str:
    """Return a conversation in two lines: whose it is, and what they wrote last."""
    unread = f", {conversation['unread']} unread" if conversation["unread"] else ""
    who = f", handled by {conversation['assigned_to']}" if conversation["assigned_to"] else ""
    head = f"{conversation['recipient_id']}  {merchant}  {conversation['to'] or 'number no longer kept'}"
    newest = f"  {conversation['newest_at']}  {_said(conversation['newest_text'])}"
    return f"{head}  {conversation['state']}{unread}{who}\n{newest}"


def permission(held: dict[str, Any]) -> str:
    """Return what may not be sent to the person."""
    kinds = {"marketing_suppressed": "marketing", "informational_suppressed": "information"}
    if held["suppressed"]:
        return f"  Nothing is sent to them: {held['suppressed']}."
    if stopped := [words for name, words in kinds.items() if held[name]]:
        return f"  They get no {' and no '.join(stopped)}."
    return (
        "  Marketing is held until somebody decides: followup inbox review."
        if held["needs_review"]
        else "  They may be written to."
    )


def item_line(item: dict[str, Any]) -> str:
    """Return one reply or text of a thread in one line."""
    if item["kind"] == "text":
        return f"  {item['at']}  > {_said(item['text'])}  ({item['flow']}, {item['state']})"
    notes = [item["reply_class"]] if item["reply_class"] != "other" else []
    if item["needs_review"]:
        notes.append("needs a decision")
    if decided := item["review"]:
        notes.append(f"{'an opt-out' if decided['was_opt_out'] else 'no opt-out'}, says {decided['by']}")
    return f"  {item['at']}  < {_said(item['text'])}" + (f"  ({'; '.join(notes)})" if notes else "")


def _said(text: str | None) -> str:
    """Return a text in one line: what people wrote must not be able to draw on the terminal."""
    if text is None:
        return "(no longer kept)"
    return plain(text)


def _found(client: APIClient, recipient_id: str, query: str = "") -> FoundConversation:
    """Return a conversation of whichever merchant has it.

    Raises:
        ConfigurationFault: none has.
    """
    for merchant in client.merchants:
        thread = client.get(merchant, f"{_PATH}/{recipient_id}{query}")
        if thread is not None:
            return FoundConversation(merchant, thread)
    raise ConfigurationFault(
        f"no merchant here has a conversation {recipient_id}; `followup inbox --state all` lists them"
    )


def _change(recipient_id: str, verb: str, body: dict[str, Any], *, merchants: Any, data: Any) -> None:
    """Ask for a change, and show the conversation after it."""
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        merchant, _ = _found(client, recipient_id)
        typer.echo(line(merchant, client.post(merchant, f"{_PATH}/{recipient_id}/{verb}", body)))
