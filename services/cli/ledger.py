"""`followup ledger`: verify the consent ledger, and export it for verification without Followup."""

from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.progress import Progress

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from services.cli.snapshot import Snapshot, snapshot
from services.compliance.ledger import export as exporting
from services.compliance.ledger import store
from services.compliance.ledger.verification import Verifier
from shared.clock import SystemClock
from shared.errors import ConfigurationFault
from shared.ids import MerchantId

ledger = typer.Typer(
    help="The consent ledger: hash-chained, signed daily, and verifiable without Followup.", no_args_is_help=True
)

_VERIFIER_FILE = "verify_ledger.py"


@ledger.command()
def verify(
    merchant: Annotated[str | None, typer.Option(help="Only this merchant's ledger; default all.")] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A public key that must have signed it; repeat for more.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Check every person's chain, every daily root and every signature; exit code 1 when any is wrong.

    Example: followup ledger verify --merchant acme
    """
    settings = settings_of(data_dir=data)
    console, now = Console(highlight=False), SystemClock(settings.clock_file).now()
    broken = 0
    with snapshot(settings.data_dir) as look:
        for each in _chosen(look, merchant):
            broken += _check(look, each, frozenset(key or ()), now, console)
    raise typer.Exit(1 if broken else 0)


@ledger.command()
def entries(
    merchant: Annotated[str, typer.Option(help="Whose ledger.")],
    act: Annotated[
        str | None, typer.Option(help="Only granted, pending, confirmed, revoked, restored, expired or imported.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the previous page ended.")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show what people consented to and withdrew, the newest first.

    Example: followup ledger entries --merchant acme --act revoked
    """
    query = urlencode({name: value for name, value in (("act", act), ("cursor", cursor)) if value})
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        page = client.get(merchant, "/v1/consents" + (f"?{query}" if query else "")) or {}
    for each in page["entries"]:
        typer.echo(entry_line(each))
    if page["next_cursor"]:
        only = f" --act {act}" if act else ""
        more = f"followup ledger entries --merchant {merchant}{only} --cursor {page['next_cursor']}"
        typer.echo(f"Searched to {page['searched_to']}; to go on: {more}")
    elif not page["entries"]:
        typer.echo("There is no such entry.")


def entry_line(entry: dict[str, Any]) -> str:
    """Return an entry in one line; what a shop wrote must not be able to draw on the terminal."""
    words = (entry["recorded_at"], entry["recipient_id"], entry["act"], entry["scope"], entry["method"])
    said = "  ".join((*words, f"{entry['source']}, by {entry['actor']}"))
    return plain(said)


@ledger.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    merchant: Annotated[str, typer.Option(help="Whose ledger.")],
    data: DataOption = None,
) -> None:
    """Write a merchant's ledger to a file that can be verified without Followup.

    Example: followup ledger export --merchant acme acme.ledger
    """
    settings = settings_of(data_dir=data)
    now = SystemClock(settings.clock_file).now()
    with snapshot(settings.data_dir) as look:
        (chosen,) = _chosen(look, merchant)
        try:
            with file.open("x", encoding="utf-8", newline="\n") as stream:
                look.ask(exporting.export(look.db, chosen, now, stream.write))
        except OSError as problem:
            raise ConfigurationFault(f"{file}: cannot be written ({problem.strerror})") from None
    typer.echo(f"{file} contains the ledger of {chosen}. To verify it: python {_VERIFIER_FILE} {file}")


@ledger.command()
def verifier() -> None:
    """Print the program that verifies an export with Python alone; pass it on together with the file.

    Example: followup ledger verifier > verify_ledger.py
    """
    program = resources.files("services.compliance.ledger").joinpath("verification.py")
    typer.echo(program.read_text(encoding="utf-8"), nl=False)


def _chosen(look: Snapshot, merchant: str | None) -> Sequence[MerchantId]:
    """Return the merchants whose ledgers to read.

    Raises:
        ConfigurationFault: the named merchant has none.
    """
    held = look.ask(store.merchants(look.db))
    if merchant is None:
        return held
    if merchant not in held:
        raise ConfigurationFault(f"there is no ledger of a merchant {merchant}; there is: {', '.join(held) or 'none'}")
    return [MerchantId(merchant)]


def _check(look: Snapshot, merchant: MerchantId, keys: frozenset[str], now: datetime, console: Console) -> int:
    """Verify one ledger, print the result, and return the number of problems."""
    verifier = Verifier(keys)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(merchant, total=look.ask(store.entries_of(look.db, merchant)))

        def take(line: str) -> None:
            verifier.feed(line)
            progress.update(task, completed=verifier.counts["entry"])

        look.ask(exporting.export(look.db, merchant, now, take))
    problems = verifier.finish()
    for problem in problems:
        console.print(f"[red]broken[/] {merchant}: {problem}")
    counts, waiting = verifier.counts, verifier.unsigned_days
    console.print(
        f"{'[red]broken[/]' if problems else '[green]holds[/]'} {merchant}: {counts['entry']} entries of "
        f"{counts['person']} people, {counts['root']} signed days, {len(waiting)} not signed yet"
    )
    for key in sorted(verifier.keys):
        console.print(f"  signed by {key}")
    return len(problems)
