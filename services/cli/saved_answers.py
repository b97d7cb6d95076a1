"""`followup inbox saved`: answers that a shop keeps for questions that come again."""

from typing import Annotated, Final

import typer

from services.cli.api_client import open_client
from services.cli.list_by_default import ListByDefault
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from shared.errors import ConfigurationFault

_PATH: Final = "/v1/saved-answers"

saved = typer.Typer(cls=ListByDefault, help="Answers that are kept for questions that come again.")

MerchantArgument = Annotated[str, typer.Argument(help="Whose.")]
TitleArgument = Annotated[str, typer.Argument(help="Its title, such as “Opening hours”.")]


@saved.command("list")
def listed(merchant: MerchantArgument, merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """Show the answers that are kept, by title.

    Example: followup inbox saved acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        answers = (client.get(merchant, _PATH) or {"answers": []})["answers"]
    for each in answers:
        typer.echo(f"{plain(each['title'])}: {plain(each['text'])}")
    if not answers:
        typer.echo('Nothing is kept yet: followup inbox saved keep acme "Opening hours" "We open at 9."')


@saved.command()
def keep(
    merchant: MerchantArgument,
    title: TitleArgument,
    text: Annotated[str, typer.Argument(help="What is answered; the brand is put before it.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Keep an answer, or replace the one of this title.

    Example: followup inbox saved keep acme "Opening hours" "We open at 9."
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        client.post(merchant, _PATH, {"title": title, "text": text})
    typer.echo("Kept: it can be chosen in every conversation.")


@saved.command()
def remove(
    merchant: MerchantArgument, title: TitleArgument, merchants: MerchantsOption = None, data: DataOption = None
) -> None:
    """Remove the answer of a title.

    Example: followup inbox saved remove acme "Opening hours"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        answers = (client.get(merchant, _PATH) or {"answers": []})["answers"]
        found = next((each for each in answers if each["title"].casefold() == title.casefold()), None)
        if found is None:
            how = f"`followup inbox saved {merchant}` lists them"
            raise ConfigurationFault(f"{merchant} keeps no answer {title!r}; {how}")
        client.delete(merchant, f"{_PATH}/{found['answer_id']}")
    typer.echo("Removed.")
