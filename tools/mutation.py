"""Mutation testing of the compliance domain: change one thing, run its tests, and see whether anybody notices.

`python -m tools.mutation --sample 150 --seed 1` (or `make mutation`). A mutant is killed when a test fails, when its
module cannot be imported, or when its tests take far too long; one that all tests pass has survived and is printed.
Each runs in a forked child that already holds every library, so only the domain itself is imported anew.
"""

import argparse
import ast
import importlib.util
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).parent.parent
DOMAIN = ROOT / "services" / "compliance" / "domain"
_RANDOM = "tests/oracle/test_random_cases.py::test_engine_and_oracle_never_part_over_twenty_thousand_random_questions"
TESTS = ("tests/unit/compliance", "tests/oracle/test_vectors.py", f"{_RANDOM}[0]", f"{_RANDOM}[1]")
_QUIET = "ignore::pytest.PytestAssertRewriteWarning"  # libraries are loaded before pytest could rewrite them
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout", "20", "-W", _QUIET)
_LIBRARIES = (
    "pytest",
    "hypothesis",
    "pydantic",
    "yaml",
    "phonenumbers",
    "holidays",
    "orjson",
    "shared.events.registry",
)

_SWAPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one place in one module."""

    path: Path
    source: str
    """The module as it was when the run began."""
    place: int
    """Number of the node in the order of `_nodes`."""
    variant: int
    line: int
    what: str

    @property
    def module(self) -> str:
        """Return the module's dotted name."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)

    def code(self) -> CodeType:
        """Return the module compiled with the change."""
        tree = ast.parse(self.source)
        node = _nodes(tree)[self.place]
        _what, change = _changes(node)[self.variant]
        change()
        return compile(ast.fix_missing_locations(tree), str(self.path), "exec")

    def __str__(self) -> str:
        text = self.source.splitlines()[self.line - 1].strip()
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.what}\n    {text}"


def mutants_of(path: Path) -> list[Mutant]:
    """Return every mutant of a module, in the order of its source."""
    source = path.read_text(encoding="utf-8")
    nodes = _nodes(ast.parse(source))
    return [
        Mutant(path, source, place, variant, getattr(node, "lineno", 1), what)
        for place, node in enumerate(nodes)
        for variant, (what, _change) in enumerate(_changes(node))
    ]


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """Return the nodes worth changing: no annotations, decorators, defaults of classes' bookkeeping or docstrings."""
    return list(_walk(tree))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    skipped: list[ast.AST | None] = []
    match node:
        case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
            skipped = [*node.decorator_list, getattr(node, "returns", None)]
        case ast.arg() | ast.AnnAssign():
            skipped = [node.annotation]
        case ast.Raise():
            return  # what a refusal says is for people
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        if not any(child is each for each in skipped):
            yield from _walk(child)


def _changes(node: ast.AST) -> list[tuple[str, Callable[[], None]]]:
    """Return what can be changed in a node: a name of the change, and a function that makes it in place."""
    match node:
        case ast.Compare(ops=[operator]):
            return [
                (f"{type(operator).__name__} becomes {other.__name__}", _setter(node, "ops", [other()]))
                for other in _SWAPS[type(operator)]
            ]
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            return [(f"becomes {type(other).__name__.lower()}", _setter(node, "op", other))]
        case ast.UnaryOp(op=ast.Not()):
            return [("not is dropped", _setter(node, "operand", ast.UnaryOp(ast.Not(), node.operand)))]
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            arithmetic = _ARITHMETIC[type(node.op)]
            return [(f"{type(node.op).__name__} becomes {arithmetic.__name__}", _setter(node, "op", arithmetic()))]
        case ast.Constant(value=bool()):
            return [(f"becomes {not node.value}", _setter(node, "value", not node.value))]
        case ast.Constant(value=int(number)):
            return [(f"{number} becomes {number + by}", _setter(node, "value", number + by)) for by in (1, -1)]
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            return [(f"{name} becomes {_CALLS[name]}", _setter(node.func, "id", _CALLS[name]))]
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            return [("returns None", _setter(node, "value", ast.Constant(None)))]
        case ast.If() | ast.IfExp():
            return [("the condition is turned round", _setter(node, "test", ast.UnaryOp(ast.Not(), node.test)))]
        case _:
            return []


def _setter(node: ast.AST, field: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, field, value)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


class _Changed(MetaPathFinder, Loader):
    """Imports one module with a change, all others as they are."""

    def __init__(self, mutant: Mutant, code: CodeType) -> None:
        self._mutant, self._code = mutant, code

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return a spec for the changed module alone."""
        if fullname != self._mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._mutant.path, loader=self)

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self._code, module.__dict__)  # noqa: S102 - that is what a mutant is


def is_killed(mutant: Mutant | None) -> bool:
    """Return whether the tests notice; they run in a child of this process. None changes nothing."""
    child = os.fork()
    if child == 0:
        os._exit(_judged(mutant))
    _pid, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) != 0


def _judged(mutant: Mutant | None) -> int:
    """Run the tests on a mutant in this process, quietly; 0 when they all pass."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    import pytest  # noqa: PLC0415 - the parent has loaded it; only the child uses it

    try:
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(mutant, mutant.code()))
        return int(pytest.main([*_OPTIONS, *TESTS]))
    except BaseException:  # noqa: BLE001 - whatever a mutant does, it was noticed
        return 1


def main() -> None:
    """Run a sample, or all; print survivors and the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=150, help="how many mutants; 0 is all of them")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", default="", help="only modules whose name contains this")
    chosen = parser.parse_args()
    for name in _LIBRARIES:
        importlib.import_module(name)
    if any(name.startswith("services.compliance.domain") for name in sys.modules):
        raise SystemExit("the domain is loaded already, so no change of it would be seen")
    if is_killed(None):
        raise SystemExit("the tests fail without any change, so they cannot judge one")
    everything = [each for path in sorted(DOMAIN.glob("*.py")) if chosen.only in path.name for each in mutants_of(path)]
    size = min(chosen.sample or len(everything), len(everything))
    sample = random.Random(chosen.seed).sample(everything, size)  # noqa: S311 - a repeatable choice, not a secret
    began = time.monotonic()
    survivors: list[Mutant] = []
    for number, mutant in enumerate(sample, start=1):
        if not is_killed(mutant):
            survivors.append(mutant)
            _say(f"SURVIVED {mutant}")
        if number % 25 == 0:
            _say(f"{number} of {size}, {len(survivors)} survived, {time.monotonic() - began:.0f} s")
    for name, count in Counter(each.path.name for each in survivors).most_common():
        _say(f"{count:>4} in {name}")
    killed = size - len(survivors)
    share = 100 * killed / max(size, 1)
    _say(f"{killed} of {size} killed ({share:.1f} %), out of {len(everything)} possible, seed {chosen.seed}")
    raise SystemExit(1 if survivors else 0)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
