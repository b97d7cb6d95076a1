"""`followup audit verdicts`: what another rule table would have decided."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.cli.options import DataOption, settings_of
from services.cli.snapshot import snapshot
from services.compliance.gate.audit import Difference, differences
from services.compliance.gate.store import JudgedBetween, verdicts_in
from shared.errors import ConfigurationFault
from shared.rule_files.loader import load_rules, read_with_quiet_hours
from shared.rules.table import RuleTable, UnreadableRules

_DAY = timedelta(days=1)


RulesOption = Annotated[
    Path | None, typer.Option(help="The quiet-hours.yaml to apply (default: the one in this release).")
]
StartOption = Annotated[str | None, typer.Option("--from", help="The first UTC day, such as 2026-12-01.")]
EndOption = Annotated[str | None, typer.Option("--to", help="The last UTC day.")]
MostOption = Annotated[int, typer.Option("--most", min=0, help="How many differences to list.")]


def verdicts(
    rules: RulesOption = None,
    start: StartOption = None,
    end: EndOption = None,
    most: MostOption = 100,
    data: DataOption = None,
) -> None:
    """Decide stored verdicts again under another rule table, and list those that would have been different.

    Example: followup audit verdicts --rules quiet-hours.yaml --from 2026-12-01 --to 2026-12-31
    """
    table = _table(rules)
    period = JudgedBetween(_midnight(start, "--from"), _midnight(end, "--to", _DAY))
    console = Console(highlight=False)
    with snapshot(settings_of(data_dir=data).data_dir) as look, Progress(console=console, transient=True) as progress:
        total = look.ask(verdicts_in(look.db, period))
        task = progress.add_task("deciding again", total=total)
        found = look.ask(differences(look.db, period, table, lambda count: progress.advance(task, count)))
    _print(console, found, most)
    console.print(f"{total} verdicts decided again by table {table.version}: {len(found)} would have been different.")


def _table(file: Path | None) -> RuleTable:
    """Return the rule table to apply.

    Raises:
        ConfigurationFault: the file cannot be read, or is not a rule table.
    """
    try:
        found = load_rules() if file is None else read_with_quiet_hours(file.read_bytes())
    except OSError as problem:
        raise ConfigurationFault(f"{file}: cannot be read ({problem.strerror})") from None
    if isinstance(found, UnreadableRules):
        raise ConfigurationFault(f"{file or 'quiet-hours.yaml'}: not a rule table ({found.why})")
    return found


def _midnight(text: str | None, option: str, later: timedelta = timedelta()) -> datetime | None:
    """Return the instant a UTC day begins, plus `later`."""
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC) + later
    except (ValueError, OverflowError):
        raise ConfigurationFault(f"{option}: {text} is not a day such as 2026-12-01") from None


def _print(console: Console, found: Sequence[Difference], most: int) -> None:
    """Print how often each verdict changed into which, and the first `most` changes."""
    kinds = Counter(
        f"{each.was.decision} ({each.was.reason}) -> {each.would_be.decision} ({each.would_be.reason})"
        for each in found
    )
    for kind, count in kinds.most_common():
        console.print(f"{count:>6}  {kind}")
    if not found or not most:
        return
    table = Table("decided at", "merchant", "follow-up", "release", "was", "would be")
    for each in found[:most]:
        release = (f"{each.decided_at:%Y-%m-%d %H:%M:%S}", each.merchant_id, str(each.follow_up_id), str(each.release))
        table.add_row(*release, str(each.was), str(each.would_be))
    console.print(table)
    if len(found) > most:
        console.print(f"and {len(found) - most} more; --most lists them")
