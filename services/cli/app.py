"""The `followup` command: the list of its subcommands, and how faults are reported."""

import importlib.metadata
import sys
from typing import Annotated, ClassVar

import typer

from services.cli.lazy import LazyCommand, LazyGroup
from shared.clock import prefer_tzdata_wheel
from shared.errors import ConfigurationFault, Fault


class Commands(LazyGroup):
    """Every subcommand."""

    entries: ClassVar = {
        "demo": LazyCommand(
            "services.cli.demo:demo",
            "Send a signed order through all seven services and print each step; then keep running, to look around.",
        ),
        "test": LazyCommand(
            "services.cli.flow_tests:try_flows",
            "Run the tests of flows: who, when, what happens, and which texts must follow.",
        ),
        "init": LazyCommand(
            "services.cli.init:init", "Make the files of a first shop: a merchant, a flow, its tests, and an API key."
        ),
        "run": LazyCommand("services.cli.run:run", "Run all seven services in this process, on one SQLite file."),
        "serve": LazyCommand(
            "services.cli.serve:serve",
            "Run one service in this process, on Kafka and PostgreSQL; any number may run.",
        ),
        "status": LazyCommand(
            "services.cli.status:status", "Report whether the running process is ready, and what it is doing."
        ),
        "tail": LazyCommand("services.cli.tail:tail", "Follow what happens in a shop, as sentences; Ctrl-C ends it."),
        "migrate": LazyCommand(
            "services.cli.process:migrate",
            "Bring the database to this version's schema; `followup run` does this by itself.",
        ),
        "relay-again": LazyCommand(
            "services.cli.process:relay_again",
            "After a power cut of the only Kafka broker: read and relay the last minutes again, with services running.",
        ),
        "redrive": LazyCommand(
            "services.cli.process:redrive",
            "Process parked events again, in order, while everything runs.",
        ),
        "doctor": LazyCommand(
            "services.cli.doctor:doctor",
            "Check this machine, the files, and everything that `run` or `serve` needs; list the settings.",
        ),
        "lint": LazyCommand(
            "services.cli.lint:lint",
            "Explain every mistake in the merchant and flow files, with file, line and how to fix it.",
        ),
        "send": LazyCommand(
            "services.cli.follow_ups:send",
            "Enqueue one follow-up through the running process; the gate decides on it as on any other.",
        ),
        "trigger": LazyCommand(
            "services.cli.trigger:trigger",
            "Send a made-up event through the real intake, as a shop's own system would; flows start, texts go.",
        ),
        "explain": LazyCommand(
            "services.cli.follow_ups:explain",
            "Explain why a text was or was not sent: each step, the verdict, the rule, the next permitted time.",
        ),
        "messages": LazyCommand(
            "services.cli.messages:messages",
            "List texts, the newest first: of a state, reason, flow, number, or person.",
        ),
        "cancel": LazyCommand(
            "services.cli.messages:cancel",
            "Cancel planned texts, by their ids or all of one person, after saying how many.",
        ),
        "pause": LazyCommand(
            "services.cli.controls:pause",
            "Let texts wait; what becomes due meanwhile goes when the pause ends, if it is not too late by then.",
        ),
        "stop": LazyCommand(
            "services.cli.controls:stop",
            "Cancel planned texts, after saying how many; what becomes due later ends too, until `followup resume`.",
        ),
        "resume": LazyCommand(
            "services.cli.controls:resume",
            "Lift what is paused or stopped on exactly this scope; due texts go on at their numbers' pace.",
        ),
        "approvals": LazyCommand(
            "services.cli.approvals:approvals",
            "Show what waits for a second person's yes: what would go, who asked and why.",
        ),
        "controls": LazyCommand(
            "services.cli.controls:controls",
            "Show what is paused and stopped, since when, by whom and why, and how many texts wait.",
        ),
        "gate": LazyCommand(
            "services.cli.json_lines:gate",
            "Decide cases without sending anything: one JSON object per line in, one per line out, in order.",
        ),
        "holds": LazyCommand(
            "services.cli.holds:holds",
            "Show the limits on new recipients and on the day's spending; --release ends a hold.",
        ),
        "classify": LazyCommand(
            "services.cli.json_lines:classify",
            "Classify inbound texts, one JSON object per line in, one out; contexts: subscribed, opted_out, pending, "
            "none.",
        ),
        "audit": LazyCommand(
            "services.cli.audit:audit",
            "Who did what and when, verifiable without Followup; and stored verdicts decided again.",
        ),
        "keys": LazyCommand("services.cli.keys:keys", "API keys of merchants' own systems, and the keyring."),
        "ledger": LazyCommand(
            "services.cli.ledger:ledger",
            "The consent ledger: hash-chained, signed daily, and verifiable without Followup.",
        ),
        "consents": LazyCommand("services.cli.consents:consents", "Import consents collected elsewhere."),
        "users": LazyCommand(
            "services.cli.users:users", "Users of the console: add or invite, list, reset a password, remove."
        ),
        "inbox": LazyCommand(
            "services.cli.inbox:inbox", "What people wrote: read it, decide about unclear replies, put it away."
        ),
        "numbers": LazyCommand(
            "services.cli.numbers:numbers",
            "Show each sender number's state, rate, queue and registration, and the errors of the last day.",
        ),
        "parked": LazyCommand(
            "services.cli.parked:parked",
            "Events that could not be handled: mend the cause, and have them handled in order.",
        ),
        "sources": LazyCommand(
            "services.cli.sources:sources",
            "Show each source's last delivery, what became of the last day's, and what last went wrong.",
        ),
        "quarantine": LazyCommand(
            "services.cli.quarantine:quarantine",
            "Genuine deliveries that could not be read: read them again, or discard them.",
        ),
        "unknown": LazyCommand(
            "services.cli.unknown:unknown",
            "Texts of which nobody knows whether they were sent: look, and say what became of them.",
        ),
        "notifications": LazyCommand(
            "services.cli.notifications:notifications",
            "What merchants' endpoints were told: list it, send it again, discard it, test an endpoint.",
        ),
        "replies": LazyCommand(
            "services.cli.replies:replies", "Replies that could not be matched to a person or a merchant's number."
        ),
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


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if wanted:
        typer.echo(f"followup {importlib.metadata.version('followup')}")
        raise typer.Exit


@app.callback()
def followup(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Group the subcommands."""
    del version


def main() -> None:
    """Run the command line; a fault prints one sentence and exits with 1, a bug prints a traceback."""
    prefer_tzdata_wheel()
    try:
        app()
    except ConfigurationFault as fault:
        sys.stderr.write(f"followup: {fault.detail}\n")
        raise SystemExit(1) from None
    except Fault as fault:
        sys.stderr.write(f"followup: {fault.detail} ({fault.code})\n")
        raise SystemExit(1) from None
