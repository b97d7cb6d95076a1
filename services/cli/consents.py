"""`followup consents import`: record the consents of a CSV file."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.api_client import APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.consent_file import ConsentFile, ConsentRow
from shared.errors import ConfigurationFault

_ROWS_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 400_000
"""Both well below the limits of one request."""
_PATH: Final = "/v1/consents/imports"

consents = typer.Typer(help="Import consents collected elsewhere.", no_args_is_help=True)


@dataclass(slots=True)
class ConsentImport:
    """Sends rows in batches, and counts the recorded, repeated and refused ones."""

    client: APIClient
    merchant: str
    report: Callable[[tuple[Any, ...]], object]
    """Writes one refused row."""
    dry_run: bool = False
    """Records nothing; counts what would be."""
    counts: Counter[str] = field(default_factory=Counter)
    _batch: list[ConsentRow] = field(default_factory=list)
    _bytes: int = 0

    def add(self, line: ConsentRow) -> None:
        """Add one row to the batch; report at once one that cannot be read."""
        if line.row is None:
            self._refuse(line.number, "unreadable", line.trouble)
            return
        size = sum(len(str(value)) * 4 for value in line.row.values())
        if self._batch and (len(self._batch) >= _ROWS_AT_ONCE or self._bytes + size > _BYTES_AT_ONCE):
            self.send()
        self._batch.append(line)
        self._bytes += size

    def send(self) -> None:
        """Send the batch; the accepted rows are durable when this returns."""
        if not self._batch:
            return
        answer = self.client.post(self.merchant, _PATH, self._request())
        for refusal in answer["refused"]:
            self._refuse(self._batch[refusal["row"]].number, refusal["reason"], refusal["detail"])
        self.counts.update(recorded=answer["recorded"], repeated=answer["repeated"])
        self._batch, self._bytes = [], 0

    def _request(self) -> dict[str, Any]:
        rows = {"rows": [line.row for line in self._batch]}
        return rows | ({"dry_run": True} if self.dry_run else {})

    def _refuse(self, number: int, reason: str, detail: str) -> None:
        self.report((number, reason, detail))
        self.counts["refused"] += 1


@consents.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file; its first line names the columns.")],
    *,
    merchant: Annotated[str, typer.Option(help="The merchant the consents were given to.")],
    scope: Annotated[
        str, typer.Option(help="For rows without a scope: marketing, informational or all.")
    ] = "marketing",
    encoding: Annotated[
        str | None, typer.Option(help="The file's encoding (default: by its byte order mark, else utf-8).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Record nothing; say what would be, and why not.")] = False,
    report: Annotated[Path | None, typer.Option(help="File for refused rows (default: FILE.refused.csv).")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Import consents with their evidence; rows without evidence are refused, each with a reason.

    Importing a file again records nothing twice.

    Example: followup consents import consents.csv --merchant acme --dry-run
    """
    console = Console()
    target = report or file.with_name(file.name + ".refused.csv")
    defaults = {"scope": scope, "method": "import", "source": file.name[:500]}
    source = ConsentFile(str(file), lambda: file.open("rb"), defaults, encoding)
    if not file.is_file():
        raise ConfigurationFault(f"{file}: there is no such file")
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client, _private(target) as write:
        client.require(merchant)
        job = ConsentImport(client, merchant, write, dry_run=dry_run)
        for line in _watched(source, file.stat().st_size, console):
            job.add(line)
        job.send()
    _print(console, job.counts, target, source, dry_run=dry_run)


def _watched(source: ConsentFile, size: int, console: Console) -> Iterator[ConsentRow]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("consents", total=size)
        yield from source.lines(lambda read: progress.update(task, completed=read))


@contextmanager
def _private(path: Path) -> Iterator[Callable[[tuple[Any, ...]], object]]:
    """Open a new CSV file that only its owner can read, because it is about people; yield what writes a row."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as problem:
        raise ConfigurationFault(f"{path}: cannot be written ({problem.strerror})") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("line", "reason", "detail"))
        yield writer.writerow


def _print(console: Console, counts: Counter[str], target: Path, source: ConsentFile, *, dry_run: bool) -> None:
    """Print the counts; exit with 1 when a row was refused."""
    if source.ignored:
        console.print(f"Columns that were ignored: {', '.join(source.ignored)}", markup=False)
    recorded, repeated, refused = counts["recorded"], counts["repeated"], counts["refused"]
    if dry_run:
        console.print(f"{recorded} would be recorded in the ledger, {repeated} are there, {refused} would be refused.")
    else:
        console.print(f"{recorded} recorded in the ledger, {repeated} were already there, {refused} refused.")
    if not refused:
        target.unlink()
        return
    console.print(f"Refused lines and their reasons: {target}", markup=False)
    raise typer.Exit(1)
