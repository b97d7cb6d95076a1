"""`followup lint`: every mistake in a merchants folder, with file, line and what to write instead."""

from pathlib import Path
from typing import Any

from shared.config.check_cases import case_problems
from shared.config.check_flow import flow_problems
from shared.config.check_merchant import claim_problems, merchant_problems
from shared.config.flow import Flow
from shared.config.flow_cases import TESTS_FOLDER, FlowCases
from shared.config.merchant import MerchantConfig
from shared.config.model import FileModel
from shared.config.problem import Problem
from shared.config.reader import FLOWS_FOLDER, MERCHANT_FILE, MerchantFiles, merchant_folders, read_merchant

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def lint(path: Path) -> list[Problem]:
    """Return every problem under a path, sorted by file and line; empty when all is well.

    The path is that of a merchants folder, of one merchant's folder, or of one file of a merchant.
    """
    if not path.exists():
        return [Problem(str(path), 1, "there is no such file or folder", "give the path of the merchants folder")]
    if path.is_file():
        folder = path.parent.parent if path.parent.name in {FLOWS_FOLDER, TESTS_FOLDER} else path.parent
        return [problem for problem in lint(folder) if problem.file == str(path)]
    if (path / MERCHANT_FILE).is_file():
        return sorted(_with_tests(read_merchant(path)))
    readings = [read_merchant(folder) for folder in merchant_folders(path)]
    if not readings:
        return [Problem(str(path), 1, "there is no merchant here", f"add a folder with a {MERCHANT_FILE}")]
    found = [problem for reading in readings for problem in _with_tests(reading)]
    return sorted({*found, *claim_problems(readings)})


def problems_in(reading: MerchantFiles) -> list[Problem]:
    """Return everything wrong with one merchant by itself."""
    flows = [problem for read in reading.flows for problem in flow_problems(read, reading.config)]
    return [*reading.problems, *merchant_problems(reading), *flows]


def _with_tests(reading: MerchantFiles) -> list[Problem]:
    """Return everything wrong with one merchant, its tests of flows included, which no running process reads."""
    return [*problems_in(reading), *case_problems(reading.folder, [read.flow for read in reading.flows])]


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each kind of file, by its name: for editors and for other tools."""
    models: dict[str, type[FileModel]] = {"merchant": MerchantConfig, "flow": Flow, "tests": FlowCases}
    return {name: {"$schema": _DIALECT, **model.model_json_schema()} for name, model in models.items()}
