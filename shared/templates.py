"""Texts with blanks: the only module that knows the Liquid library.

Strict: a name without a value is an error, unless `default` says what to write instead or `if` asks for it. Templates
cannot read the clock, load others, or escape for HTML: what comes out is a text message.

A template may come from anybody with an API key, and it is rendered where everybody's requests are. So its work is
bounded by construction, in `template_limits.py`: every value, every range, every filter's work, and all repetitions
together. The library alone bounds single loops and the output, not what ``contains`` walks or ``replace`` makes.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from liquid import BoundTemplate, Environment
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    LiquidSyntaxError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.undefined import FalsyStrictUndefined

from shared import template_limits as limits
from shared.template_limits import LONGEST_TEMPLATE_CHARACTERS, LONGEST_TEXT_CHARACTERS

__all__ = [
    "LONGEST_TEMPLATE_CHARACTERS",
    "LONGEST_TEXT_CHARACTERS",
    "TemplateError",
    "Variable",
    "check",
    "makes_links",
    "render",
    "variables",
]

_REMOVED_TAGS = ("include", "render", "tablerow", "increment", "decrement", "ifchanged", "doc")
_CLOCK_WORDS = {"now", "today"}


@dataclass(frozen=True, slots=True)
class TemplateError:
    """A template is wrong or lacks a value; `field` names the value; line and column count from 1."""

    reason: str
    field: str | None = None
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Variable:
    """A value a template reads, such as ``recipient.first_name``, and where."""

    root: str
    field: str | None
    """The first name after the root; None where the root itself or a computed name is read."""
    line: int
    column: int

    @property
    def name(self) -> str:
        """The name as a template writes it."""
        return f"{self.root}.{self.field}" if self.field else self.root


def render(
    template: str, context: Mapping[str, Any], *, link: Callable[[str], str] | None = None
) -> str | TemplateError:
    """Return the finished text, or the first thing that keeps it from being one.

    Args:
        template: Liquid.
        context: the roots a template may read (``recipient``, ``trigger``, …). A missing name is an error; one
            that is there with None is written as nothing.
        link: makes the short link that stands for an address; left out, the address itself stands.
    """
    parsed = _parsed(template)
    if isinstance(parsed, TemplateError):
        return parsed
    try:
        with _links_made_by(link or _as_it_is), limits.work_of(template):
            text = parsed.render(dict(context))
    except LiquidError as problem:
        return _told(problem, template)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RecursionError, TypeError, ValueError):
        return TemplateError("a filter was given a value it cannot use")  # the library lets some of Python's through
    return text if len(text) <= LONGEST_TEXT_CHARACTERS else TemplateError("the text becomes too long")


def check(template: str) -> TemplateError | None:
    """Return what is wrong with a template by itself, whatever its values."""
    parsed = _parsed(template)
    return parsed if isinstance(parsed, TemplateError) else None


def variables(template: str) -> tuple[Variable, ...] | TemplateError:
    """Return every value from outside that a template reads, in order of appearance."""
    parsed = _parsed(template)
    if isinstance(parsed, TemplateError):
        return parsed
    found = []
    for root, uses in parsed.analyze(include_partials=False).globals.items():
        for use in uses:
            first = use.segments[1] if len(use.segments) > 1 else None
            place = _place(template, use.span.index)
            found.append(Variable(str(root), first if isinstance(first, str) else None, *place))
    return tuple(sorted(found, key=lambda variable: (variable.line, variable.column)))


def makes_links(template: str) -> bool:
    """Return whether a template asks for a short link."""
    parsed = _parsed(template)
    return isinstance(parsed, BoundTemplate) and "link" in parsed.analyze(include_partials=False).filters


class _Unset(FalsyStrictUndefined):
    """A name without a value: nothing to `if`, replaced by `default`, an error everywhere else."""

    force_liquid_default = True


class _Environment(Environment):
    """Liquid with every limit set."""

    template_class = limits.LimitedTemplate
    block_nesting_limit = 10
    context_depth_limit = 20
    loop_iteration_limit = 500
    local_namespace_limit = 50_000
    output_stream_limit = 4 * LONGEST_TEXT_CHARACTERS

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep the tags that write text, and bound every filter."""
        super().setup_tags_and_filters(extra=extra)
        for tag in _REMOVED_TAGS:
            self.tags.pop(tag, None)
        self.filters["link"] = _link
        for name, apply in list(self.filters.items()):
            self.filters[name] = limits.bounded(name, apply)
        self.filters["date"] = _without_clock(self.filters["date"])


def _without_clock(apply: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(apply)
    def date(value: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(value, str) and value.strip().casefold() in _CLOCK_WORDS:
            raise FilterArgumentError("no clock", token=None)
        return apply(value, *rest, **named)

    return date


_links: ContextVar[Callable[[str], str]] = ContextVar("links")


def _link(address: object) -> str:
    if isinstance(address, _Unset):
        str(address)  # raises, and names what has no value
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise FilterArgumentError("no address", token=None)
    return _links.get()(address)


@contextmanager
def _links_made_by(link: Callable[[str], str]) -> Iterator[None]:
    token = _links.set(link)
    try:
        yield
    finally:
        _links.reset(token)


def _as_it_is(address: str) -> str:
    return address


_ENVIRONMENT = _Environment(undefined=_Unset, strict_filters=True, autoescape=False)


@functools.lru_cache(maxsize=2048)
def _parsed(template: str) -> BoundTemplate | TemplateError:
    if len(template) > LONGEST_TEMPLATE_CHARACTERS:
        return TemplateError(f"a template has at most {LONGEST_TEMPLATE_CHARACTERS} characters")
    try:
        parsed = _ENVIRONMENT.from_string(template)
    except LiquidError as problem:
        return _told(problem, template)
    for name, uses in parsed.analyze(include_partials=False).filters.items():
        if name not in _ENVIRONMENT.filters:
            line, column = _place(template, uses[0].index)
            return TemplateError(f"unknown filter '{name}'", None, line, column)
    return parsed


def _told(problem: LiquidError, template: str) -> TemplateError:
    """Return the error in words that hold no recipient's fact."""
    token = problem.token
    line, column = _place(template, token.start_index if token else 0)
    field = None
    match problem:
        case UndefinedError():
            field = _name_at(template, line, column)
            reason = "this name has no value; give it one, or write | default: '…'"
        case _ if isinstance(problem, ResourceLimitError) or limits.TOO_LARGE in str(problem.args):
            reason = "the template does too much: too many repetitions, too deep, or too long a text"
        case UnknownFilterError() | LiquidSyntaxError():
            reason = str(problem.args[0]) if problem.args else "the template cannot be read"
        case FilterArgumentError() if "no clock" in str(problem.args):
            reason = "a template cannot ask what time it is"
        case FilterArgumentError() if "no address" in str(problem.args):
            reason = "link needs an address that starts with https:// or http://"
        case _:
            reason = "a filter was given a value it cannot use"
    return TemplateError(reason, field, line, column)


def _name_at(template: str, line: int, column: int) -> str | None:
    """Return the name as the template writes it there; the library's own message may hold a computed one."""
    found = variables(template)
    written = [] if isinstance(found, TemplateError) else found
    return next((each.name for each in written if (each.line, each.column) == (line, column)), None)


def _place(template: str, index: int) -> tuple[int, int]:
    line = template.count("\n", 0, index) + 1
    return line, index - (template.rfind("\n", 0, index) + 1) + 1
