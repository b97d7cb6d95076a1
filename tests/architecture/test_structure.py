"""What keeps the tree one an engineer finds the way in: names, lengths, and where SQL may stand."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "shared", "tools", "bench", "deploy")
LINES_OF_A_MODULE, LINES_OF_A_TEST_MODULE, LINES_OF_A_FUNCTION = 400, 500, 60
SQL_MODULES = ("store", "tables", "retention")
"""The last word of a module that may import SQLAlchemy, beside migrations: `store`, `link_store`, `tables`."""
SQL_PACKAGES = ("shared/db", "shared/bus", "shared/testing")
"""The database and the log themselves, and what tests make of them."""
ACROSS_SERVICES = "across_services"
"""The folder of the integration tests that need more than one service."""
SAME_NAME: dict[str, str] = {}
"""Public class names that may stand twice, each with the reason."""


@cache
def every_tree() -> tuple[tuple[str, ast.Module], ...]:
    """Return every module but migrations, as its path and its tree; parsed once."""
    paths = sorted(path for root in SOURCES for path in (ROOT / root).rglob("*.py"))
    named = ((path.relative_to(ROOT).as_posix(), path) for path in paths)
    return tuple((name, ast.parse(path.read_text("utf-8"))) for name, path in named if "/migrations/" not in name)


def trees(*roots: str) -> Iterator[tuple[str, ast.Module]]:
    """Return the modules under some folders."""
    return ((path, tree) for path, tree in every_tree() if path.startswith(tuple(f"{root}/" for root in roots)))


def public_classes(tree: ast.Module) -> Iterator[str]:
    """Return the names of classes and type aliases that other modules may import."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                pass
            case _:
                continue
        if not name.startswith("_"):
            yield name


def test_no_public_class_name_stands_for_two_things() -> None:
    places = defaultdict(list)
    for path, tree in trees("services", "shared"):
        for name in public_classes(tree):
            places[name].append(path)
    twice = {name: paths for name, paths in places.items() if len(paths) > 1 and name not in SAME_NAME}
    assert twice == {}


def test_no_allowance_is_left_for_a_name_that_stands_once() -> None:
    names = [name for _path, tree in trees("services", "shared") for name in public_classes(tree)]
    assert [name for name in SAME_NAME if names.count(name) < 2] == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees(*SOURCES)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_module_is_two_things() -> None:
    paths = sorted(path for root in (*SOURCES, "tests") for path in (ROOT / root).rglob("*.py"))
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in paths}
    most = {name: LINES_OF_A_TEST_MODULE if name.startswith("tests/") else LINES_OF_A_MODULE for name in lengths}
    assert {name: n for name, n in lengths.items() if n > most[name] and "/migrations/" not in name} == {}


def test_sql_stands_in_stores_alone() -> None:
    elsewhere = []
    for path, tree in trees("services", "shared"):
        last = path.removesuffix(".py").rpartition("/")[2].rpartition("_")[2]
        if last in SQL_MODULES or path.startswith(SQL_PACKAGES):
            continue
        imported = {
            alias.name if isinstance(node, ast.Import) else str(node.module)
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        if any(name.split(".")[0] == "sqlalchemy" for name in imported):
            elsewhere.append(path)
    assert elsewhere == []


def test_tests_mirror_the_source_tree() -> None:
    """`tests/unit/sender/numbers/test_bucket.py` is about `sender/numbers`; a folder names a package that exists."""
    folders = {
        path.parent.relative_to(ROOT / "tests" / kind).as_posix()
        for kind in ("unit", "integration")
        for path in (ROOT / "tests" / kind).rglob("test_*.py")
    }
    across = {f"{ACROSS_SERVICES}/{name}" for name in _folders_across_services()}
    known = _source_names() | across
    assert {each for each in folders if each.removeprefix("shared/") not in known and each not in known} == set()


def _source_names() -> set[str]:
    """Return every package and module, without the folder it is in: `sender/numbers`, `bus`, `ids`."""
    return {
        path.relative_to(ROOT / root).with_suffix("").as_posix()
        for root in SOURCES
        for path in (ROOT / root).rglob("*")
        if path.is_dir() or path.suffix == ".py"
    } | {"shared", "tools", "bench", "deploy"}


def _folders_across_services() -> set[str]:
    """Return the folders about more than one service, which `tests/README.md` lists with what is in them."""
    readme = (ROOT / "tests" / "README.md").read_text("utf-8")
    return set(re.findall(rf"^\| `integration/{ACROSS_SERVICES}/(\w+)/` \|", readme, re.MULTILINE))
