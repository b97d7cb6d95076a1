"""Every finding of the hardening list is held by tests that exist; the list is `tests/faults.yaml`."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LIST = (ROOT / "tests" / "faults.yaml").read_text(encoding="utf-8")
FAULTS: dict[str, list[str]] = yaml.safe_load(LIST)


def test_no_finding_stands_twice() -> None:
    lines = [line.partition(":")[0] for line in LIST.splitlines() if line and not line.startswith("#")]
    assert sorted(lines) == sorted(FAULTS)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_names_in_a_finding_exist(fault: str) -> None:
    assert FAULTS[fault], f"{fault} names no test"
    missing = [named for named in FAULTS[fault] if not exists(named)]
    assert not missing


def exists(named: str) -> bool:
    """Return whether `path::test` (or `path` alone) is there."""
    path, _, test = named.partition("::")
    file = ROOT / path
    if not file.is_file():
        return False
    return not test or test in names_in(file)


def names_in(file: Path) -> set[str]:
    """Return the names of a file's test functions, in classes too."""
    tree: Any = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
