"""`followup unknown`: texts of which nobody knows whether they were sent, and what somebody says who looked."""

from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.api_client import APIClient, open_client
from services.cli.list_by_default import ListByDefault
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.errors import ConfigurationFault

_PATH = "/v1/dispatches"
_ANSWERS = {
    "not_listed": "it lists no such text",
    "no_answer": "it did not answer",
    "inconclusive": "nothing was certain",
}

unknown = typer.Typer(
    cls=ListByDefault, help="Texts of which nobody knows whether they were sent: look, and say what became of them."
)


@unknown.command("list")
def listed(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended; with a merchant.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show texts whose call had no answer, what the provider said since, and when it is asked again.

    Example: followup unknown acme
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    behind = f"?cursor={cursor}" if cursor else ""
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        elif cursor:
            raise ConfigurationFault("a page goes on for one merchant: name it before --cursor")
        names = [merchant] if merchant is not None else client.merchants
        pages = {name: client.get(name, f"{_PATH}/unknown{behind}") or {} for name in names}
    for name, page in pages.items():
        for text in page["unknown"]:
            console.print(line(name, text))
        if page["next_cursor"]:
            console.print(f"More: followup unknown {name} --cursor {page['next_cursor']}")
    if not any(page["unknown"] for page in pages.values()):
        console.print("Of every text it is known whether it was sent.")


@unknown.command()
def resolve(
    follow_up_id: Annotated[str, typer.Argument(metavar="ID", help="As `followup unknown` shows it.")],
    why: Annotated[str, typer.Option(help="What you saw, for those who look later.")],
    was_sent: Annotated[bool, typer.Option("--sent/--not-sent", help="Whether the provider has the text.")],
    message: Annotated[str | None, typer.Option(help="With --sent: the provider's id of the text.")] = None,
    send_again: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--send-again", help="With --not-sent: ask the gate again, where the flow permits that.")
    ] = False,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Say whether an unknown text was sent; it is never sent again unless you ask for it and its flow permits it.

    Example: followup unknown resolve 0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f --sent --message SM42 --why "in its log"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        merchant, attempt_id = _found(client, follow_up_id)
        body = {
            "attempt_id": attempt_id,
            "outcome": "sent" if was_sent else "not_sent",
            "provider_message_id": message,
            "send_again": send_again,
            "reason": why,
        }
        answer = client.post(merchant, f"{_PATH}/{follow_up_id}/resolve", body)
    again = f"; the gate is asked again at {answer['retry_at']}" if answer["retry_at"] else ""
    typer.echo(f"{merchant}: {answer['state']}{again}")


def line(merchant: str, text: dict[str, Any]) -> str:
    """Return an unknown text in three lines: which, what is known, what comes."""
    head = f"{text['follow_up_id']}  {merchant}  {text['to'] or 'number no longer kept'}"
    called = f"  called {text['provider']} from {text['sender_number']} at {text['called_at']}"
    seen = f" ({text['seen']})" if text["seen"] else ""
    if text["is_given_up"]:
        return f"{head}  {text['flow']}\n{called}\n  given up: it counts as sent until you say what became of it"
    said = "the provider was not asked yet"
    if text["asked_at"]:
        said = f"asked at {text['asked_at']}: {_ANSWERS.get(text['answer'], 'nothing was certain')}"
    return f"{head}  {text['flow']}\n{called}{seen}\n  {said}; asked again at {text['asked_again_at']}"


def _found(client: APIClient, follow_up_id: str) -> tuple[str, str]:
    """Return the merchant that has the dispatch, and its last attempt.

    Raises:
        ConfigurationFault: none has, or it was never called.
    """
    for merchant in client.merchants:
        dispatch = client.get(merchant, f"{_PATH}/{follow_up_id}")
        if dispatch is not None and dispatch["attempts"]:
            return merchant, str(dispatch["attempts"][-1]["attempt_id"])
    raise ConfigurationFault(f"no merchant here has an unknown text {follow_up_id}; `followup unknown` lists them")
