"""The page that leads through the code: its files and functions exist, and each file is named once."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.snippets import DOCS

ROOT = DOCS.parent
PAGE = DOCS / "explanation" / "follow-one-purchase.md"
_STOP = re.compile(r"^(\d+)\. `([\w./]+\.py)` › ((?:`[\w.]+`(?:, )?)+): \S", re.MULTILINE)
STOPS = [(path, re.findall(r"`([\w.]+)`", names)) for _, path, names in _STOP.findall(PAGE.read_text("utf-8"))]


def names_of(file: Path) -> set[str]:
    """Return the functions and classes of a module, and the methods of each class after its name."""
    found: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            found |= {
                f"{node.name}.{inner.name}"
                for inner in node.body
                if isinstance(node, ast.ClassDef) and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return found


@pytest.mark.parametrize(("path", "names"), STOPS, ids=[path for path, _ in STOPS])
def test_a_stop_names_a_file_and_functions_that_exist(path: str, names: list[str]) -> None:
    file = ROOT / path
    assert file.is_file()
    assert set(names) <= names_of(file)


def test_the_stops_are_numbered_and_each_file_is_named_once() -> None:
    lines = re.findall(r"^(\d+)\. ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number in lines] == list(range(1, len(STOPS) + 1))
    paths = Counter(re.findall(r"`([\w./]+\.py)`", PAGE.read_text("utf-8")))
    assert [path for path, times in paths.items() if times > 1] == []
    assert set(paths) == {path for path, _ in STOPS}
