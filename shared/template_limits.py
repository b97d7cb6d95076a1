"""What one template may make the process do: the bounds that the Liquid library does not have.

Every bound is on sizes and counts, never on time: a loop in C cannot be interrupted, so nothing that large is begun.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from liquid import BoundTemplate, RenderContext
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, ResourceLimitError

LONGEST_TEMPLATE_CHARACTERS: Final = 5000
LONGEST_TEXT_CHARACTERS: Final = 5000
LONGEST_RANGE_ITEMS: Final = 500
LONGEST_LIST_ITEMS: Final = 1000
LARGEST_NUMBER_BITS: Final = 128
LONGEST_DATE_CHARACTERS: Final = 64
"""Of a date that is read, and of the form it is written in."""
MOST_FILTER_WORK: Final = 250_000
"""Characters and items that all filters of one rendering may handle together, and what each call costs by itself."""
MOST_REPEATED_CHARACTERS: Final = 100_000
"""Repetitions times the characters of the template, over all loops of one rendering."""
TOO_LARGE: Final = "larger than a template may make"
_CALL: Final = 20
"""What calling a filter costs beside what it handles."""
_COMPARING: Final = frozenset({"uniq", "sort", "sort_natural"})
"""Filters that may compare each item with each other."""


@dataclass(slots=True)
class _Work:
    """What one rendering may still do."""

    template_characters: int
    filters: int = MOST_FILTER_WORK
    repeated: int = MOST_REPEATED_CHARACTERS


_work: ContextVar[_Work] = ContextVar("template_work")


@contextmanager
def work_of(template: str) -> Iterator[None]:
    """Count the work of one rendering while the block runs."""
    token = _work.set(_Work(len(template)))
    try:
        yield
    finally:
        _work.reset(token)


class _LimitedContext(RenderContext):
    """A rendering whose repetitions are counted over all its loops; the library looks at each loop alone."""

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Refuse a loop that would repeat too much of the template."""
        super().raise_for_loop_limit(length)
        work = _work.get(None)
        if work is not None:
            work.repeated -= length * work.template_characters
            if work.repeated < 0:
                raise ResourceLimitError(TOO_LARGE, token=None)


class LimitedTemplate(BoundTemplate):
    """A template rendered within the bounds of this module."""

    context_class = _LimitedContext


def bounded(name: str, apply: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that refuses what would make it do, or make, too much."""

    @functools.wraps(apply)
    def limited(*values: Any, **named: Any) -> Any:
        _refuse_if_large(*values, *named.values())
        _charge(name, values)
        made = apply(*values, **named)
        _refuse_if_large(made)
        return made

    return limited


def _charge(name: str, values: tuple[Any, ...]) -> None:
    """Take a filter's work from what the rendering may still do."""
    sizes = [_size(value) for value in values]
    cost = _CALL + sum(sizes)
    if sizes and name in _COMPARING:
        cost += sizes[0] ** 2
    if name in {"replace", "join"} and len(sizes) > 1:
        # what could come out: each item, or each character, with the longest argument beside it
        cost += (sizes[0] + 1) * max(sizes[1:])
    if name == "date" and any(size > LONGEST_DATE_CHARACTERS for size in sizes):
        raise FilterArgumentError(TOO_LARGE, token=None)
    work = _work.get(None)
    if work is not None:
        work.filters -= cost
        if work.filters < 0:
            raise ResourceLimitError(TOO_LARGE, token=None)


def _size(value: object) -> int:
    """Return how many characters or items a value has, those of its own items included."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return len(value) + sum(len(item) for item in value if isinstance(item, str))
    if isinstance(value, range | dict):
        return len(value)
    return 1


def _refuse_if_large(*values: object) -> None:
    for value in values:
        too_large = (
            (isinstance(value, str) and len(value) > LONGEST_TEXT_CHARACTERS)
            or (isinstance(value, list | tuple | range) and len(value) > LONGEST_LIST_ITEMS)
            or (isinstance(value, int) and value.bit_length() > LARGEST_NUMBER_BITS)
        )
        if too_large:
            raise FilterArgumentError(TOO_LARGE, token=None)


def _bounded_range(self: RangeLiteral, start: Any, stop: Any) -> range:
    """Return a range as the library makes it, refusing long ones: `contains`, `sum` and output walk through them."""
    made = _library_range(self, start, stop)
    if made.stop - made.start > LONGEST_RANGE_ITEMS or max(abs(made.start), abs(made.stop)).bit_length() > 63:  # noqa: PLR2004 - what `len` takes
        raise ResourceLimitError(TOO_LARGE, token=self.token)
    return made


# The library has no place to say this: ranges are made in one method of one class, parsed and computed ones alike.
_library_range = RangeLiteral._make_range  # noqa: SLF001 - see above
RangeLiteral._make_range = _bounded_range  # type: ignore[method-assign] # noqa: SLF001 - see above
