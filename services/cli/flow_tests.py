"""`followup test`: the flows of a shop, tried before anybody receives their texts."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import MerchantsOption, settings_of
from services.flow_tests.reports import FileResult, document, junit, lines, summary
from services.flow_tests.trial_shop import trial_shop
from services.flow_tests.trying import try_case
from shared.config.check_cases import problems_of_cases
from shared.config.flow_cases import TESTS_FOLDER, FlowCases, ReadCases, case_files, read_cases
from shared.config.problem import Problem
from shared.config.reader import merchant_folders, read_merchant
from shared.errors import ConfigurationFault
from shared.telemetry import logs


def try_flows(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of tests, or merchants' folders (default: every merchant).")
    ] = None,
    *,
    only: Annotated[str | None, typer.Option(help="Only cases whose name contains this.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Also write the results as JUnit XML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    merchants: MerchantsOption = None,
) -> None:
    """Run the tests of flows: who, when, what happens, and which texts must follow.

    Each case runs the whole application on a clock that jumps, with simulated phones; nothing reaches anybody.

    Example: followup test merchants/acme/tests/order-thank-you.yaml
    """
    logs.configure("error", form="text")
    read = _read(files, settings_of(merchants_dir=merchants).merchants_dir)
    results: list[FileResult] = []
    for path, cases in read:
        if not as_json:
            typer.echo(str(path))
        shop = trial_shop(path.parent.parent)
        done = []
        for case in cases.cases:
            if only is None or only in case.case:
                result = asyncio.run(try_case(shop, cases.flow, case))
                done.append(result)
                if not as_json:
                    typer.echo("\n".join(lines(result)))
        results.append(FileResult(str(path), cases.flow, tuple(done)))
    if as_json:
        typer.echo(json.dumps(document(results), indent=2, ensure_ascii=False))
    else:
        typer.echo(summary(results))
    if junit_file is not None:
        junit_file.write_text(junit(results), encoding="utf-8")
    cases_done = [case for file in results for case in file.cases]
    if not cases_done:
        raise ConfigurationFault(f"no case has a name with '{only}'")
    raise typer.Exit(0 if all(case.passed for case in cases_done) else 1)


def _read(given: list[Path] | None, merchants: Path) -> list[tuple[Path, FlowCases]]:
    """Return every file of tests that is asked for.

    Raises:
        ConfigurationFault: there is none, or one has errors.
    """
    if not given and not merchants.is_dir():
        raise ConfigurationFault(f"{merchants}: there is no such folder; give it with --merchants")
    places = given or merchant_folders(merchants)
    paths = [path for place in places for path in ([place] if place.suffix else case_files(place))]
    if not paths:
        raise ConfigurationFault(f"there are no tests yet: write merchants/SHOP/{TESTS_FOLDER}/FLOW.yaml, see docs")
    found: list[tuple[Path, FlowCases]] = []
    problems: list[Problem] = []
    for path in paths:
        read = read_cases(path)
        if isinstance(read, ReadCases):
            flows = [each.flow for each in read_merchant(path.parent.parent).flows]
            problems += problems_of_cases(read, flows)
            found.append((path, read.cases))
        else:
            problems += read
    if problems:
        raise ConfigurationFault("\n".join(str(problem) for problem in problems))
    return found
