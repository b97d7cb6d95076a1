"""The second gate is a second one: it imports the standard library, YAML and itself, and nothing of ours."""

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
OWN = ("tests.oracle.wall_clock", "tests.oracle.gate_oracle")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module)
            case ast.ImportFrom():
                names.add("." * node.level)
            case _:
                pass
    return names


@pytest.mark.parametrize("name", ["wall_clock", "gate_oracle", "cases"])
def test_the_oracle_and_its_questions_import_nothing_of_the_engine(name: str) -> None:
    foreign = {
        module
        for module in imported(FOLDER / f"{name}.py")
        if module.split(".")[0] not in {*sys.stdlib_module_names, "yaml"} and module not in OWN
    }
    assert foreign == set()


def test_the_engine_imports_nothing_of_the_oracle() -> None:
    root = FOLDER.parents[1]
    engine = [
        path
        for folder in ("services/compliance", "shared/rules", "shared/rule_files")
        for path in (root / folder).rglob("*.py")
    ]
    assert len(engine) > 50
    assert not any(name.startswith("tests") for path in engine for name in imported(path))
