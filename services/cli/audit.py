"""`followup audit`: who did what, whether that log was changed, and stored verdicts decided again."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli import audit_pages, verdicts
from services.cli.api_client import OF_THE_KEY, APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from services.cli.plain import plain
from services.cli.verdicts import EndOption, MostOption, RulesOption, StartOption
from services.compliance.ledger.verification import Verifier, verifier_of
from shared.clock import SystemClock
from shared.controls import EVERY_MERCHANT
from shared.errors import ConfigurationFault

audit = typer.Typer(
    help="Who did what and when, verifiable without Followup; and stored verdicts decided again.",
    invoke_without_command=True,
)

MerchantArgument = Annotated[str | None, typer.Argument(help="The merchant (default: all).")]
EverythingOption = Annotated[
    bool, typer.Option("--everything", help="What was done to every merchant at once; the operator's.")
]
KeyOption = Annotated[list[str] | None, typer.Option(help="A public key that must have signed it; repeat for more.")]


@audit.callback()
def old_form(
    context: typer.Context,
    rules: RulesOption = None,
    start: StartOption = None,
    end: EndOption = None,
    most: MostOption = 100,
    data: DataOption = None,
) -> None:
    """Show and verify who did what; without a subcommand, decide stored verdicts again as `verdicts` does."""
    if context.invoked_subcommand is None:
        verdicts.verdicts(rules, start, end, most, data)


audit.command("verdicts")(verdicts.verdicts)


@audit.command()
def log(
    merchant: MerchantArgument = None,
    everything: EverythingOption = False,  # noqa: FBT002 - a flag
    since: Annotated[str | None, typer.Option(help="From when on, such as 2026-12-01T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Before when.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="How many to show.")] = 50,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show who did what, the newest first, of all services.

    Examples: followup audit log acme
              followup audit log acme --since 2026-12-01T00:00:00Z --most 500
    """
    found: list[dict[str, Any]] = []
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        for caller, _named, asked in _logs(client, merchant, everything=everything):
            found += audit_pages.newest(client, caller, most, since=since, until=until, **asked)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for entry in sorted(found, key=lambda each: str(each["id"]), reverse=True)[:most]:
        console.print(sentence(entry))
    if not found:
        console.print("Nobody did anything here that is logged.")


@audit.command()
def verify(
    merchant: MerchantArgument = None,
    everything: EverythingOption = False,  # noqa: FBT002 - a flag
    file: Annotated[Path | None, typer.Option(help="Verify this export, without any application.")] = None,
    key: KeyOption = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Check every chain, every daily root and every signature; exit code 1 when any is wrong.

    Examples: followup audit verify acme
              followup audit verify --file acme.audit --key 5f1c…
    """
    console, trusted = Console(highlight=False, markup=False), frozenset(key or ())
    if file is not None:
        try:
            with file.open(encoding="utf-8", newline="\n") as stream:
                broken = _check(stream, str(file), trusted, console)
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigurationFault(f"{file}: cannot be read ({problem})") from None
        raise typer.Exit(1 if broken else 0)
    settings, broken = settings_of(merchants_dir=merchants, data_dir=data), 0
    now = SystemClock(settings.clock_file).now().isoformat()
    with open_client(settings) as client:
        for caller, named, asked in _logs(client, merchant, everything=everything):
            if named == OF_THE_KEY:
                raise ConfigurationFault("name the merchant: the entries are compared with it")
            broken += _check(audit_pages.lines(client, caller, named, now, **asked), named, trusted, console)
    raise typer.Exit(1 if broken else 0)


@audit.command()
def export(
    merchant: Annotated[str, typer.Argument(help="Whose audit logs.")],
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Write a merchant's audit logs to a file that can be verified without Followup; it holds no reasons.

    Example: followup audit export acme acme.audit
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data)
    now = SystemClock(settings.clock_file).now().isoformat()
    with open_client(settings) as client:
        ((caller, named, asked),) = _logs(client, merchant, everything=False)
        try:
            with file.open("x", encoding="utf-8", newline="\n") as stream:
                for line in audit_pages.lines(client, caller, named, now, **asked):
                    stream.write(f"{line}\n")
        except OSError as problem:
            raise ConfigurationFault(f"{file}: cannot be written ({problem.strerror})") from None
    typer.echo(f"{file} contains the audit logs of {merchant}. To verify it: followup audit verify --file {file}")


def sentence(entry: dict[str, Any]) -> str:
    """Return an entry in one line."""
    kinds = {"operator": "the operator", "user": f"user {entry['actor']}", "stranger": "somebody not signed in"}
    who = kinds.get(entry["actor_kind"], f"key {entry['actor']}")
    words = [f"{entry['at']}  {who} ({entry['origin']}): {entry['action']} {entry['subject_kind']} {entry['subject']}"]
    if entry["recipient"] is not None and entry["recipient"] != entry["subject"]:
        words.append(f"recipient {entry['recipient']}")
    if entry["fields"]:
        words.append("given: " + ", ".join(entry["fields"]))
    words += [f"{count} {name}" for name, count in entry["counts"].items()]
    if entry["reason"] is not None:
        words.append(f"why: {entry['reason']}")
    elif entry["reason_state"] != "none":
        words.append(f"why: ({entry['reason_state']})")
    return plain("; ".join(words))


def _logs(
    client: APIClient, merchant: str | None, *, everything: bool
) -> Iterable[tuple[str, str, dict[str, str | None]]]:
    """Return in whose name to ask for each log, how its entries name the merchant, and what to ask with."""
    if everything:
        if merchant is not None:
            raise ConfigurationFault("name a merchant, or --everything, not both")
        if not client.merchants:
            raise ConfigurationFault("there is no merchant here")
        return [(client.merchants[0], EVERY_MERCHANT, {"everything": "true"})]
    if merchant is not None:
        client.require(merchant)
    return [(name, name, {}) for name in ([merchant] if merchant is not None else client.merchants)]


def _check(lines: Iterable[str], named: str, keys: frozenset[str], console: Console) -> int:
    """Verify the lines of an export, print the result, and return the number of problems."""
    verifier: Verifier | None = None
    for line in lines:
        verifier = verifier or verifier_of(line, keys)
        verifier.feed(line)
    if verifier is None:
        raise ConfigurationFault(f"{named}: there is nothing in it")
    problems = verifier.finish()
    for problem in problems:
        console.print(f"broken {named}: {problem}")
    counts, waiting = verifier.counts, len(verifier.unsigned_days)
    console.print(
        f"{'broken' if problems else 'holds'} {named}: {counts['entry']} entries, {counts['root']} signed days, "
        f"{waiting} not signed yet"
    )
    for key in sorted(verifier.keys):
        console.print(f"  signed by {key}")
    return len(problems)
