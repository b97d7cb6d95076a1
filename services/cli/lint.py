"""`followup lint`: the mistakes in merchant and flow files."""

from pathlib import Path
from typing import Annotated

import typer

from shared.config.lint import lint as lint_files
from shared.config.problem import Severity


def lint(merchants: Annotated[Path, typer.Argument(help="The merchants folder.")] = Path("merchants")) -> None:
    """Explain every mistake in the merchant and flow files, with file, line and how to fix it.

    Example: followup lint merchants/
    """
    problems = lint_files(merchants)
    for problem in problems:
        typer.echo(str(problem))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    typer.echo(f"{len(errors)} errors, {len(problems) - len(errors)} warnings")
    raise typer.Exit(1 if errors else 0)
