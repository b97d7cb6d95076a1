"""The `followup` command and what its subcommands share."""

import sys

import typer

from services.cli import configuration, demonstration, evidence, process
from services.cli.audit import audit
from services.cli.consents import consents
from services.cli.ledger import ledger
from shared.clock import prefer_tzdata_wheel
from shared.errors import ConfigurationFault, Fault

app = typer.Typer(
    name="followup",
    help="The open SMS follow-up engine that can prove every text it sent, and every text it did not.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demonstration.demo)
app.command("run")(process.run)
app.command("serve")(process.serve)
app.command("migrate")(process.migrate)
app.command("redrive")(process.redrive)
app.command("doctor")(configuration.doctor)
app.command("lint")(configuration.lint)
app.add_typer(configuration.keys, name="keys")
app.command("send")(evidence.send)
app.command("explain")(evidence.explain)
app.command("gate")(evidence.gate)
app.command("classify")(evidence.classify)
app.add_typer(ledger, name="ledger")
app.add_typer(consents, name="consents")
app.command("audit")(audit)


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
