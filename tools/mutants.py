"""Mutants: every place of a module where one thing can be changed, and the module compiled with that change."""

import ast
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TypeAlias

ROOT = Path(__file__).parent.parent

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

_Change: TypeAlias = tuple[str, Callable[[], None]]
"""A name of the change, and a function that makes it in place."""


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

    @property
    def key(self) -> str:
        """Return a name that holds until the module is edited."""
        digest = hashlib.sha256(self.source.encode()).hexdigest()[:12]
        return f"{self.path.name}@{digest}:{self.place}.{self.variant}"

    @property
    def text(self) -> str:
        """Return the first line of the changed place, as it is in the module."""
        return self.source.splitlines()[self.line - 1].strip()

    def code(self) -> CodeType:
        """Return the module compiled with the change."""
        tree = ast.parse(self.source)
        node = _nodes(tree)[self.place]
        _what, change = _changes(node)[self.variant]
        change()
        return compile(ast.fix_missing_locations(tree), str(self.path), "exec")

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.what}\n    {self.text}"


def mutants_of(path: Path) -> list[Mutant]:
    """Return every mutant of a module, in the order of its source."""
    source = path.read_text(encoding="utf-8")
    nodes = _nodes(ast.parse(source))
    return [
        Mutant(path, source, place, variant, _line(node), what)
        for place, node in enumerate(nodes)
        for variant, (what, _change) in enumerate(_changes(node))
    ]


def _line(node: ast.AST) -> int:
    """Return where a node begins; a comprehension's own condition has no place but that of its first condition."""
    if isinstance(node, ast.comprehension):
        return node.ifs[0].lineno
    return int(getattr(node, "lineno", 1))


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """Return the nodes worth changing: no annotations, decorators or what a refusal says."""
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


def _changes(node: ast.AST) -> list[_Change]:
    """Return what can be changed in a node."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.BinOp():
            return _changes_of_operator(node)
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
        case ast.comprehension(ifs=[_, *_]):
            return [("the conditions are dropped", _setter(node, "ifs", []))]
        case _:
            return []


def _changes_of_operator(node: ast.Compare | ast.BoolOp | ast.UnaryOp | ast.BinOp) -> list[_Change]:
    match node:
        case ast.Compare():
            return [
                (f"{type(operator).__name__} becomes {other.__name__}", _item_setter(node.ops, place, other()))
                for place, operator in enumerate(node.ops)
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
        case _:
            return []


def _setter(node: ast.AST, field: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, field, value)


def _item_setter(items: list[ast.cmpop], place: int, value: ast.cmpop) -> Callable[[], None]:
    return lambda: items.__setitem__(place, value)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
