"""Renders and checks templates in the Liquid language.

Strict: a name without a value is an error, unless `default` says what to write instead or `if` asks for it; nil, empty
and blank are no values. Every resource is limited (`shared.templates.limits`). Templates cannot read the clock, load
others, or escape for HTML: what comes out is a text message.
"""

import functools
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

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

from shared.templates.filters import (
    NO_ADDRESS,
    SAFE_REASONS,
    metered_filter,
    without_marks,
    written_date,
    written_money,
)
from shared.templates.limits import begin_metering, bounded, end_metering
from shared.zone_countries import zone_named

LONGEST_TEMPLATE_CHARACTERS = 5000
LONGEST_TEXT_CHARACTERS = 5000
MOST_BLANKS = 200
"""Of one template, tags counted."""
ZONE = "zone"
"""The root beside the ones a template reads: the IANA zone its dates are written in."""
_DEEPEST_FACT_LEVELS = 20
_OPENINGS = re.compile(r"\{[{%]")
_REMOVED_TAGS = ("include", "render", "tablerow", "increment", "decrement", "ifchanged", "doc")


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
    template: str, context: Mapping[str, Any], *, link: Callable[[str], str] | None = None, locale: str = "en"
) -> str | TemplateError:
    """Return the finished text, or the first thing that keeps it from being one.

    Args:
        template: Liquid.
        context: the roots a template may read (``recipient``, ``trigger``, …). A missing name is an error; one
            that is there with None or a blank has no value either. `zone` beside them, or else the recipient's
            `time_zone`, is the zone in which dates are written.
        link: makes the short link for an address; if absent, the address itself is written.
        locale: BCP 47, of the text: how amounts are written.
    """
    return _rendered(template, context, link or _as_it_is, locale, hides_values=False)


def own_words(template: str, context: Mapping[str, Any]) -> str | TemplateError:
    """Return the text as `render` would, with a mark in place of every value: the template's own words."""
    return _rendered(template, context, _as_it_is, "en", hides_values=True)


def _rendered(
    template: str, context: Mapping[str, Any], link: Callable[[str], str], locale: str, *, hides_values: bool
) -> str | TemplateError:
    parsed = _parsed(template)
    if isinstance(parsed, TemplateError):
        return parsed
    surroundings, meter = _around.set(_within(context, link, locale)), begin_metering(hides_values=hides_values)
    try:
        text = parsed.render(_with_values(context))
    except LiquidError as problem:
        return _described(problem, template)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RecursionError, TypeError, ValueError):
        return TemplateError("a filter was given a value it cannot use")  # the library lets some of Python's through
    finally:
        end_metering(meter)
        _around.reset(surroundings)
    return text if len(text) <= LONGEST_TEXT_CHARACTERS else TemplateError("the text becomes too long")


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


class _Template(BoundTemplate):
    """A parsed template, without global names: it can read only the given facts."""

    def make_globals(self, render_args: Mapping[str, object]) -> Mapping[str, object]:
        return render_args


class _Environment(Environment):
    """Liquid with every limit set."""

    template_class = _Template
    block_nesting_limit = 10
    context_depth_limit = 20
    loop_iteration_limit = 500
    local_namespace_limit = 50_000
    output_stream_limit = 4 * LONGEST_TEXT_CHARACTERS

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep the tags that write text, and put every filter under the meter."""
        super().setup_tags_and_filters(extra=extra)
        for tag in _REMOVED_TAGS:
            self.tags.pop(tag, None)
        self.filters |= {"strip_html": without_marks, "link": _link, "date": _date, "money": _money}
        for name, apply in list(self.filters.items()):
            self.filters[name] = metered_filter(name, apply)


class _Surroundings(NamedTuple):
    """What filters know about the text they write into."""

    link: Callable[[str], str]
    locale: str
    zone: tzinfo
    currency: object


_around: ContextVar[_Surroundings] = ContextVar("around")


def _link(address: object) -> str:
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise FilterArgumentError(NO_ADDRESS, token=None)
    return _around.get().link(address)


def _date(value: object, pattern: object = "%Y-%m-%d") -> str:
    return written_date(value, pattern, _around.get().zone)


def _money(value: object, currency: object = None) -> str:
    around = _around.get()
    return written_money(value, around.currency if currency is None else currency, around.locale)


def _within(context: Mapping[str, Any], link: Callable[[str], str], locale: str) -> _Surroundings:
    recipient, trigger = context.get("recipient"), context.get("trigger")
    zone = context.get(ZONE) or (recipient.get("time_zone") if isinstance(recipient, Mapping) else None)
    currency = trigger.get("currency") if isinstance(trigger, Mapping) else None
    return _Surroundings(link, locale, (zone_named(zone) if isinstance(zone, str) else None) or UTC, currency)


def _with_values(names: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return the names that have a value: one that is nil or blank has none."""
    kept: dict[str, Any] = {}
    for name, value in names.items():
        if isinstance(value, str):  # first, because asking what is a mapping is dear
            if value and not value.isspace():
                kept[name] = value
        elif value is not None:
            goes_in = depth < _DEEPEST_FACT_LEVELS and isinstance(value, Mapping)
            kept[name] = _with_values(value, depth + 1) if goes_in else value
    return kept


def _as_it_is(address: str) -> str:
    return address


_ENVIRONMENT = _Environment(undefined=_Unset, strict_filters=True, autoescape=False)


@functools.lru_cache(maxsize=512)
def _parsed(template: str) -> BoundTemplate | TemplateError:
    if len(template) > LONGEST_TEMPLATE_CHARACTERS:
        return TemplateError(f"a template has at most {LONGEST_TEMPLATE_CHARACTERS} characters")
    if len(_OPENINGS.findall(template)) > MOST_BLANKS:
        return TemplateError(f"a template has at most {MOST_BLANKS} blanks and tags")
    try:
        parsed = _ENVIRONMENT.from_string(template)
        bounded(parsed)
    except LiquidError as problem:
        return _described(problem, template)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return TemplateError("the template cannot be read")  # the library lets some of Python's through
    for name, uses in parsed.analyze(include_partials=False).filters.items():
        if name not in _ENVIRONMENT.filters:
            line, column = _place(template, uses[0].index)
            return TemplateError(f"unknown filter '{name}'", None, line, column)
    return parsed


def _described(problem: LiquidError, template: str) -> TemplateError:
    """Return the error in words without any fact of the recipient."""
    token = problem.token
    line, column = _place(template, token.start_index if token else 0)
    field = None
    match problem:
        case UndefinedError():
            field = _name_at(template, line, column)
            reason = "this name has no value; give it one, or write | default: '…'"
        case ResourceLimitError():
            reason = "the template does too much: too many repetitions, too deep, or too long a text"
        case UnknownFilterError() | LiquidSyntaxError():
            reason = str(problem.args[0]) if problem.args else "the template cannot be read"
        case _ if (said := next((each for each in SAFE_REASONS if each in map(str, problem.args)), None)) is not None:
            reason = said
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
