"""The `followup` command and what its subcommands share."""

import importlib.metadata
import sys
from typing import Annotated, ClassVar

import typer

from services.cli.lazy import LazyCommand, LazyGroup
from shared.clock import prefer_tzdata_wheel
from shared.errors import ConfigurationFault, Fault


class Commands(LazyGroup):
    """Every command there is."""

    entries: ClassVar = {
        "demo": LazyCommand(
            "services.cli.demo:demo",
            "Send a signed order through all five services and print each step; then keep running, to look around.",
        ),
        "init": LazyCommand(
            "services.cli.beginning:init", "Make the files of a first shop: a merchant, a flow, and a key to call with."
        ),
        "run": LazyCommand("services.cli.process:run", "Run all five services in this process, on one SQLite file."),
        "serve": LazyCommand(
            "services.cli.process:serve",
            "Run one service in this process, on Kafka and PostgreSQL; start as many as you like.",
        ),
        "status": LazyCommand(
            "services.cli.state:status", "Tell whether the running process is well, and what it does."
        ),
        "migrate": LazyCommand(
            "services.cli.process:migrate",
            "Bring the database to this version's schema; `followup run` does it by itself.",
        ),
        "relay-again": LazyCommand(
            "services.cli.process:relay_again",
            "After a power cut of the only Kafka broker: read and relay the last minutes again, while everything runs.",
        ),
        "redrive": LazyCommand(
            "services.cli.process:redrive",
            "Hand parked events over again, in order; stop the running process first, or all replicas of the service.",
        ),
        "doctor": LazyCommand(
            "services.cli.doctor:doctor",
            "Check this machine, the files, and everything that `run` or `serve` needs; list every setting.",
        ),
        "lint": LazyCommand(
            "services.cli.configuration:lint",
            "Explain every mistake in the merchant and flow files, with file, line and how to fix it.",
        ),
        "send": LazyCommand(
            "services.cli.evidence:send",
            "Enqueue one follow-up through the running process; the gate judges it like any other.",
        ),
        "explain": LazyCommand(
            "services.cli.evidence:explain",
            "Tell why a text was sent or was not: each step, the verdict, the rule, the next legal instant.",
        ),
        "gate": LazyCommand(
            "services.cli.evidence:gate",
            "Judge cases without sending anything: one JSON object a line in, one a line out, in order.",
        ),
        "holds": LazyCommand(
            "services.cli.holds:holds",
            "Show what bounds texts to new people and the day's spending; --release ends a hold.",
        ),
        "classify": LazyCommand(
            "services.cli.evidence:classify",
            "Read inbound texts, one JSON object a line in, one a line out; contexts: subscribed, opted_out, pending, "
            "none.",
        ),
        "audit": LazyCommand(
            "services.cli.audit:audit",
            "Judge stored verdicts again under another table of rules, and list those that would have been different.",
        ),
        "keys": LazyCommand(
            "services.cli.configuration:keys", "API keys of a merchant's own systems, and the house's keyring."
        ),
        "ledger": LazyCommand(
            "services.cli.ledger:ledger", "The consent ledger: hash-chained, signed daily, checkable by anybody."
        ),
        "consents": LazyCommand("services.cli.consents:consents", "Consents collected elsewhere."),
        "replies": LazyCommand("services.cli.replies:replies", "Replies that belong to nobody who can be found."),
    }


app = typer.Typer(
    name="followup",
    cls=Commands,
    help="The open SMS follow-up engine that can prove every text it sent, and every text it did not.\n\n"
    "Begin with `followup demo`, or `followup init` and `followup run`.",
    invoke_without_command=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    """Print the version and end."""
    if wanted:
        typer.echo(f"followup {importlib.metadata.version('followup')}")
        raise typer.Exit


@app.callback()
def followup(
    *,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_tell_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Hold the commands together."""
    del version


def main() -> None:
    """Run the command line; a fault is one clear sentence and exit code 1, a bug is a traceback."""
    prefer_tzdata_wheel()
    try:
        app()
    except ConfigurationFault as fault:
        sys.stderr.write(f"followup: {fault.detail}\n")
        raise SystemExit(1) from None
    except Fault as fault:
        sys.stderr.write(f"followup: {fault.detail} ({fault.code})\n")
        raise SystemExit(1) from None
