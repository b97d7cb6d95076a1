"""What one rendering may cost: every expression, block and filter of a template is paid for in steps.

The library bounds loops and output. It does not bound what one operator does with a range of a million million
numbers, or one filter with a long list, and such work happens inside C, where no thread can be stopped. So values are
limited before anything reads them, and steps are counted, never time: the answer is the same on any machine.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any, NoReturn, TextIO, cast

from liquid import BoundTemplate, RenderContext
from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import (
    BooleanExpression,
    FilteredExpression,
    LoopExpression,
    Path,
    logical,
)
from liquid.builtin.expressions.primitive import Blank, Empty, IntegerLiteral, RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode, _AnyExpression
from liquid.builtin.tags.echo_tag import EchoNode
from liquid.exceptions import LiquidSyntaxError, LiquidTypeError, ResourceLimitError, UndefinedError
from liquid.expression import Expression
from liquid.undefined import is_undefined

MOST_STEPS = 20_000
"""Of one rendering; the texts in the documentation need fewer than a hundred."""
LONGEST_RANGE_ITEMS = 500
MOST_LIST_ITEMS = 500
LARGEST_VALUE_CHARACTERS = 20_000
"""Of one value that a filter or operator reads, including everything inside it."""
LARGEST_NUMBER_BITS = 128
_CHARACTERS_A_STEP = 64
_DEEPEST_VALUE_LEVELS = 20
OBJECT = "an object is no text"

FILLED_IN = "\ufffc"
"""Replaces a value if only a template's own words are wanted."""


class _Meter:
    """What one rendering spent, and whether it hides values."""

    __slots__ = ("hides_values", "spent")

    def __init__(self, *, hides_values: bool) -> None:
        self.hides_values = hides_values
        self.spent = 0


_meter: ContextVar[_Meter] = ContextVar("meter")


def begin_metering(*, hides_values: bool) -> Token[_Meter]:
    """Give one rendering its steps; where values are hidden, `FILLED_IN` is written for each."""
    return _meter.set(_Meter(hides_values=hides_values))


def end_metering(begun: Token[_Meter]) -> None:
    """End what was begun; two functions, because every text pays for what a context manager costs."""
    _meter.reset(begun)


def spend(steps: int) -> None:
    """Pay for work about to be done.

    Raises:
        ResourceLimitError: the rendering has no steps left.
    """
    meter = _meter.get()
    meter.spent += steps
    if meter.spent > MOST_STEPS:
        raise ResourceLimitError("too many steps", token=None)


def look_at(value: object, steps: int = 0) -> int:
    """Pay for reading a value, and `steps` for other work; return its size in characters.

    Raises:
        ResourceLimitError: it is larger than anything a template may work with, or there are no steps left.
    """
    weight = len(value) if type(value) is str else _weight(value, 0)  # most are, and a match asks for every kind
    if weight > LARGEST_VALUE_CHARACTERS:
        refuse_large()
    spend(steps + 1 + weight // _CHARACTERS_A_STEP)
    return weight


def look_at_all(weights: Sequence[int], steps: int) -> None:
    """Pay for reading values of these sizes, and `steps` for other work.

    Raises:
        ResourceLimitError: one is larger than anything a template may work with, or there are no steps left.
    """
    if max(weights) > LARGEST_VALUE_CHARACTERS:
        refuse_large()
    spend(steps + len(weights) + sum(weights) // _CHARACTERS_A_STEP)


def weight_of(value: object) -> int:
    """Return how many characters a value weighs, unpaid for.

    Raises:
        ResourceLimitError: it is larger than anything a template may work with.
    """
    return _weight(value, 0)


def _weight(value: object, depth: int) -> int:
    match value:
        case str():
            weight = len(value)
        case bool() | float() | None:
            return 1
        case int():
            weight = 1 if value.bit_length() <= LARGEST_NUMBER_BITS else LARGEST_VALUE_CHARACTERS + 1
        case range():
            weight = len(value)  # a long literal was refused already
        case list() | tuple() | Mapping() if len(value) > MOST_LIST_ITEMS or depth > _DEEPEST_VALUE_LEVELS:
            weight = LARGEST_VALUE_CHARACTERS + 1
        case Mapping():
            weight = _weight_of_all([*value.keys(), *value.values()], depth)
        case list() | tuple():
            weight = _weight_of_all(value, depth)
        case _:
            return 1
    if weight > LARGEST_VALUE_CHARACTERS:
        refuse_large()
    return weight


def refuse_large() -> NoReturn:
    """Refuse a value.

    Raises:
        ResourceLimitError: always.
    """
    raise ResourceLimitError("a value is too large", token=None)


def _weight_of_all(values: list[Any] | tuple[Any, ...], depth: int) -> int:
    total = len(values)
    for value in values:
        total += _weight(value, depth + 1)
        if total > LARGEST_VALUE_CHARACTERS:
            break
    return total


def is_object(value: object) -> bool:
    """Return whether writing a value would write Python instead of words."""
    if is_undefined(value):  # which is a mapping to the library
        return False
    if isinstance(value, list | tuple):
        return isinstance(value, tuple) or any(isinstance(item, Mapping | list | tuple) for item in value)
    return isinstance(value, Mapping)


def bounded(template: BoundTemplate) -> None:
    """Put every part of a parsed template under the meter.

    The library offers no hook for its expressions; each instance becomes one of this class, which differs in
    `evaluate`.
    """
    context = RenderContext(template)
    nodes: list[Node] = [*template.nodes]
    while nodes:
        node = nodes.pop()
        _adopt(node)
        nodes.extend(node.children(context, include_partials=False))
        expressions = [*node.expressions()]
        while expressions:
            expression = expressions.pop()
            _adopt(expression)
            expressions.extend(expression.children())


def _adopt(part: Node | Expression) -> None:
    if isinstance(part, RangeLiteral):
        _refuse_long(part)
    ours = _PlainPath if type(part) is Path and not part.children() else _OURS.get(type(part))
    if ours is not None:
        part.__class__ = cast("Any", ours)


def _refuse_long(literal: RangeLiteral) -> None:
    ends = literal.start, literal.stop
    numbers = [end.value for end in ends if isinstance(end, IntegerLiteral)]
    if len(numbers) == len(ends) and numbers[1] - numbers[0] >= LONGEST_RANGE_ITEMS:
        raise LiquidSyntaxError(f"a range has at most {LONGEST_RANGE_ITEMS} numbers", token=literal.token)


def _paid(kind: type[Any], name: str, apply: Callable[..., Any]) -> type[Any]:
    """Return the library's class with one method replaced; `apply` gets what the method was and its arguments."""
    inner = getattr(kind, name)

    def method(self: Any, *arguments: Any) -> Any:
        return apply(inner, self, *arguments)

    return type(kind.__name__, (kind,), {"__slots__": (), name: method})


def _evaluate(inner: Callable[..., Any], self: Any, context: RenderContext) -> Any:
    spend(1)
    return inner(self, context)


class _PlainPath(Path):
    """A path of names and numbers alone, as nearly every one is, and the short way to an entry of an object."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        """Return the value; what is not found directly is left to the library."""
        spend(1)
        first, *rest = self.path
        try:
            found = context.scope[cast("str", first)]
            for name in rest:
                if type(found) is not dict:
                    return context.get([first, *rest], token=self.token)
                found = found[name]
        except KeyError:
            return context.get([first, *rest], token=self.token)
        return found


class _Filtered(FilteredExpression):
    """What `_paid` would make of it, with fewer calls: each blank has one."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        """Return the value after its filters."""
        spend(1)
        value = self.left.evaluate(context)
        for each in self.filters or ():
            value = each.evaluate(value, context)
        return value


class _Output(OutputNode):
    """A blank."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write a text unchanged, and check anything else."""
        value = self.expression.evaluate(context)
        if type(value) is str and not _meter.get().hides_values:
            look_at(value, 1)
            return buffer.write(value)
        return _written(OutputNode.render_to_output, self, value, context, buffer)

    render = render_to_output
    """The library asks first whether the tag was disabled; a blank is no tag."""


class _Content(ContentNode):
    """The text between the values."""

    __slots__ = ()

    def render(self, context: RenderContext, buffer: TextIO) -> int:  # noqa: ARG002 - the library's signature
        """Write it; no tag can be disabled here."""
        return buffer.write(self.text)


def _block(inner: Callable[..., Any], self: Any, *arguments: Any) -> Any:
    spend(1 + len(getattr(self, "nodes", ())))
    return inner(self, *arguments)


def _range(inner: Callable[..., range], self: Any, start: Any, stop: Any) -> range:
    spend(1)
    made = inner(self, start, stop)
    if made.stop - made.start > LONGEST_RANGE_ITEMS:  # its len() fails on huge ones
        raise ResourceLimitError("a range is too long", token=self.token)
    return made


def _loop(inner: Callable[..., Any], self: Any, context: RenderContext) -> Any:
    items, length = inner(self, context)
    spend(1 + length)
    return items, length


def _compare(inner: Callable[..., Any], self: Any, context: RenderContext) -> Any:
    left, right = self.left.evaluate(context), self.right.evaluate(context)
    for value in (left, right):
        if not is_undefined(value):
            look_at(value)
    return inner(_Sides(self.token, left, right), context)


def _equal(inner: Callable[..., Any], self: Any, context: RenderContext) -> Any:
    left, right = self.left.evaluate(context), self.right.evaluate(context)
    if _means_nothing(left) and _means_nothing(right):
        spend(1)
        return isinstance(self, logical.EqExpression)
    return _compare(inner, _Sides(self.token, left, right), context)


def _any_of(inner: Callable[..., list[bool]], self: Any, context: RenderContext) -> list[bool]:
    left = self.left.evaluate(context)
    if not is_undefined(left):
        look_at(left)
    spend(len(self.expressions))
    is_nothing = _means_nothing(left)
    return [
        matches or (is_nothing and _means_nothing(each.evaluate(context)))
        for matches, each in zip(inner(self, context), self.expressions, strict=True)
    ]


def _means_nothing(value: object) -> bool:
    """Return whether a value is missing, nil, empty or blank: to an author those are the same."""
    if value is None or isinstance(value, Blank | Empty) or is_undefined(value):
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | dict) and not value


def _echo(inner: Callable[..., int], self: Any, context: RenderContext, buffer: Any) -> int:
    return _written(inner, self, self.expression.evaluate(context), context, buffer)


def _written(inner: Callable[..., int], self: Any, value: object, context: RenderContext, buffer: Any) -> int:
    """Write a value that is one: half a sentence and Python's spelling of an object are errors."""
    if value is None:
        raise UndefinedError("nothing", token=self.expression.token)
    if is_undefined(value):
        str(value)  # raises, and names what has no value
    if is_object(value):
        raise LiquidTypeError(OBJECT, token=self.expression.token)
    look_at(value, 1)
    return inner(_Made(FILLED_IN if _meter.get().hides_values else value), context, buffer)


class _Made:
    """Replaces an output node whose value is known."""

    def __init__(self, value: object) -> None:
        self.expression = self
        self._value = value

    def evaluate(self, _context: RenderContext) -> object:
        return self._value


class _Sides:
    """Replaces a comparison whose two sides are known."""

    def __init__(self, token: object, left: object, right: object) -> None:
        self.token, self.left, self.right = token, _Made(left), _Made(right)


_COMPARISONS = (
    logical.LtExpression,
    logical.GtExpression,
    logical.LeExpression,
    logical.GeExpression,
    logical.ContainsExpression,
)
_OURS: Mapping[type[Any], type[Any]] = {
    **{
        kind: _paid(kind, "evaluate", _evaluate)
        for kind in (
            Path,
            BooleanExpression,
            logical.LogicalAndExpression,
            logical.LogicalOrExpression,
        )
    },
    FilteredExpression: _Filtered,
    **{kind: _paid(kind, "evaluate", _compare) for kind in _COMPARISONS},
    logical.EqExpression: _paid(logical.EqExpression, "evaluate", _equal),
    logical.NeExpression: _paid(logical.NeExpression, "evaluate", _equal),
    _AnyExpression: _paid(_AnyExpression, "evaluate", _any_of),
    RangeLiteral: _paid(RangeLiteral, "_make_range", _range),
    LoopExpression: _paid(LoopExpression, "evaluate", _loop),
    OutputNode: _Output,
    ContentNode: _Content,
    EchoNode: _paid(EchoNode, "render_to_output", _echo),
    **{
        kind: _paid(kind, "render_to_output", _block)
        for kind in (BlockNode, ConditionalBlockNode, MultiExpressionBlockNode)
    },
}
