"""Conditions in flow files: the only module that imports the CEL library.

What the library does, and how this module guards against it: an evaluation error arrives as a value (a missing key is a
truthy string), so only ``True`` and ``False`` themselves count; it accepts instants only as variables of their
own, never inside a map, so the three instants that flows know are declared one by one; it limits iterations by
raising, so that too becomes a value. It counts steps and not bytes: a step over a long text takes as long as the text,
so what an expression may do with these facts is estimated before it begins, and refused if it is too much.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from cel_expr_python import cel

from shared.errors import ConditionFault

LONGEST_CONDITION_CHARACTERS = 4000
ROOTS = ("trigger", "event", "recipient", "history")
"""The tables an expression may read; `now` is an instant beside them."""
INSTANTS = frozenset({("trigger", "occurred_at"), ("event", "occurred_at"), ("history", "last_order_at")})
"""Fields that are instants: they compare with `now`. Any other instant is text in RFC 3339 (``timestamp(…)``)."""

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

MOST_FACT_CHARACTERS = 262_144
"""Of all facts together; the API accepts less, so only facts stored by earlier versions reach this."""
MOST_WORK = 1_000_000
"""Steps on 64 bytes: some 50 ms."""
_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_DEEPEST_FACT_LEVELS = 20
_INT64 = 2**63
_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_MISSING_KEY = re.compile(r'Key not found in map : "([A-Za-z0-9_]+)"')
_MISSING_NAME = re.compile(r'No value with name "([a-z_.]+)"')
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*)
      | (?P<text>[rRbB]{0,2}(?:\"\"\"(?s:.*?)\"\"\"|'''(?s:.*?)'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>[^\s])""",
    re.VERBOSE,
)
_TABLE = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_ENVIRONMENT = cel.NewEnv(
    variables={
        **dict.fromkeys(ROOTS, _TABLE),
        **{f"{root}.{field}": cel.Type.TIMESTAMP for root, field in INSTANTS},
        "now": cel.Type.TIMESTAMP,
    }
)


@dataclass(frozen=True, slots=True)
class ConditionError:
    """An expression had no answer for these facts: stops the send and is counted; `reason` holds no fact."""

    reason: str


@dataclass(frozen=True, slots=True)
class Name:
    """A field that an expression reads, and where; line and column count from 1."""

    root: str
    field: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled expression; the same one serves every recipient."""

    source: str
    _program: Any
    _shape: "_Shape"

    def holds(self, facts: Mapping[str, Any]) -> bool | ConditionError:
        """Return the answer; anything that is not exactly true or false is an error.

        `facts` holds the `ROOTS` as mappings and ``now`` as an aware datetime; asking for what is left out is an error.
        """
        answer = _evaluated(self._program, self._shape, facts)
        if answer is True or answer is False:
            return answer
        return answer if isinstance(answer, ConditionError) else ConditionError("the answer is neither true nor false")


class Facts(dict[str, Any]):
    """Facts that several expressions read: put into the library's types by the first, and as they are from then on."""

    taken: "tuple[dict[str, Any], _Largest] | None" = None


@lru_cache(maxsize=2048)
def compile_condition(source: str) -> Condition:
    """Return the condition, compiled once.

    Raises:
        ConditionFault: the text is not CEL, names something that does not exist, or is not of type boolean; with line
        and column.
    """
    program = _compiled(source)
    kind = program.return_type().name()
    if kind not in {"BOOL", "DYN"}:
        raise ConditionFault(f"a condition is true or false, this one is {_article(kind)}")
    return Condition(source, program, _shape_of(source))


def compile_text(source: str) -> None:
    """Check an expression for `evaluate_text`.

    Raises:
        ConditionFault: as `compile_condition`; text, whole numbers and unchecked fields are allowed.
    """
    kind = _compiled(source).return_type().name()
    if kind not in {"STRING", "INT", "UINT", "DYN"}:
        raise ConditionFault(f"this expression names one thing, but it says {_article(kind)}")


def evaluate_text(source: str, facts: Mapping[str, Any]) -> str | ConditionError:
    """Return the text that an expression names (a whole number by its digits), such as the key of ``once_per``.

    Raises:
        ConditionFault: the expression itself is wrong.
    """
    answer = _evaluated(_compiled(source), _shape_of(source), facts)
    if isinstance(answer, str) and answer:
        return answer
    if isinstance(answer, int) and not isinstance(answer, bool):
        return str(answer)
    return answer if isinstance(answer, ConditionError) else ConditionError("the answer is not a text")


def names(source: str) -> list[Name]:
    """Return every field of `ROOTS` that an expression reads, in order: ``trigger.total``, ``trigger['total']``."""
    found = []
    tokens = [token for token in _TOKEN.finditer(source) if token.lastgroup != "comment"]
    for at, token in enumerate(tokens):
        follows_dot = at > 0 and tokens[at - 1].group() == "."
        if token.lastgroup != "word" or token.group() not in ROOTS or follows_dot:
            continue
        for field in _field_after(tokens, at):
            line = source.count("\n", 0, token.start()) + 1
            column = token.start() - (source.rfind("\n", 0, token.start()) + 1) + 1
            found.append(Name(token.group(), field, line, column))
    return found


def _field_after(tokens: list[re.Match[str]], at: int) -> Iterator[str]:
    following = tokens[at + 1 : at + 4]
    match [(token.group(), token.lastgroup) for token in following]:
        case [(".", _), (word, "word"), *_]:
            yield word
        case [("[", _), (text, "text"), ("]", _)]:
            yield text.strip("rRbB").strip("'\"")


@lru_cache(maxsize=2048)
def _compiled(source: str) -> Any:
    if len(source) > LONGEST_CONDITION_CHARACTERS:
        raise ConditionFault(f"an expression has at most {LONGEST_CONDITION_CHARACTERS} characters")
    try:
        return _ENVIRONMENT.compile(source)
    except (RuntimeError, TypeError, ValueError) as problem:
        raise _fault(str(problem)) from None


def _fault(said: str) -> ConditionFault:
    first = _POSITION.search(said)
    if not first:
        return ConditionFault("the expression cannot be read")
    detail = re.sub(r" \(in container ''\)|Syntax error: ", "", first[3]).removesuffix(" [INVALID_ARGUMENT]")
    detail = re.sub(r" expecting \{.*", "", detail).replace("'<EOF>'", "the end")
    return ConditionFault(detail, line=int(first[1]), column=int(first[2]))


def _article(kind: str) -> str:
    return {"STRING": "a text", "INT": "a number", "UINT": "a number", "DOUBLE": "a number"}.get(
        kind, f"a {kind.lower()}"
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """How much an expression may do: its size, and how deep it repeats."""

    tokens: int
    depth: int
    """Macros inside macros: 0 where nothing is repeated."""

    def work(self, largest: "_Largest") -> int:
        """Return an upper bound of the steps, each of them on 64 bytes, that these facts may cost."""
        return int(self.tokens * max(largest.items, self.tokens) ** self.depth * (1 + largest.characters // 64))


@dataclass(slots=True)
class _Largest:
    """The largest values of some facts."""

    items: int = 0
    characters: int = 0
    total: int = 0


@lru_cache(maxsize=2048)
def _shape_of(source: str) -> _Shape:
    """Return the size of an expression and the depth of its macros."""
    words = [token.group() for token in _TOKEN.finditer(source) if token.lastgroup != "comment"]
    open_calls: list[bool] = []
    deepest = 0
    for at, word in enumerate(words):
        if word == "(":
            open_calls.append(at > 1 and words[at - 1] in _MACROS and words[at - 2] == ".")
            deepest = max(deepest, sum(open_calls))
        elif word == ")" and open_calls:
            open_calls.pop()
    return _Shape(len(words), deepest)


def _measure(values: Collection[object], largest: _Largest) -> None:
    """Take what a table or a list of plain values holds into account."""
    size = len(values)
    largest.items = max(largest.items, size)
    largest.total += size
    for value in values:
        if isinstance(value, str):
            size = len(value)
            largest.characters = max(largest.characters, size)
            largest.total += size
        elif isinstance(value, dict):
            _measure(value.values(), largest)
        elif isinstance(value, list):
            _measure(value, largest)


def _evaluated(program: Any, shape: _Shape, facts: Mapping[str, Any]) -> Any:
    """Return the plain answer, or a `ConditionError`: never the library's own error value."""
    try:
        data, largest = _taken(facts)
        if largest.total > MOST_FACT_CHARACTERS or shape.work(largest) > MOST_WORK:
            return ConditionError("the facts are too large for it")
        value = program.eval(data=data)
        if value.type().name() == "ERROR":
            return _described(str(value.value()))
        return value.plain_value()
    except (RuntimeError, TypeError, ValueError, OverflowError) as problem:
        return _described(str(problem))


def _taken(facts: Mapping[str, Any]) -> tuple[dict[str, Any], _Largest]:
    """Return facts in the library's types, and how large they are."""
    if isinstance(facts, Facts) and facts.taken is not None:
        return facts.taken
    data, largest = _data(facts), _Largest()
    _measure(data.values(), largest)
    if isinstance(facts, Facts):
        facts.taken = data, largest
    return data, largest


def _described(said: str) -> ConditionError:
    """Return the error in words of our own; the library's may quote a recipient's facts."""
    if missing := _MISSING_KEY.search(said):
        return ConditionError(f"no fact named '{missing[1]}'")
    if unknown := _MISSING_NAME.search(said):
        return ConditionError(f"'{unknown[1]}' is not known here")
    if "No matching overloads" in said:
        return ConditionError("a fact has another type than the expression expects")
    if "divide by zero" in said or "modulus by zero" in said:
        return ConditionError("a division by zero")
    if "budget exceeded" in said:
        return ConditionError("it takes too many steps")
    return ConditionError("it cannot be evaluated")


def _data(facts: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {root: _plain(facts[root], 0) for root in ROOTS if isinstance(facts.get(root), Mapping)}
    for root, field in INSTANTS:
        instant = _instant(facts[root].get(field)) if root in data else None
        if instant is not None:
            data[f"{root}.{field}"] = instant
    if isinstance(now := facts.get("now"), datetime):
        data["now"] = now.astimezone(UTC)
    return data


def _instant(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else None


def _plain(value: object, depth: int) -> Plain:
    """Return the value in types the library takes: the rest of Python's would each be an error."""
    if type(value) is str:  # nearly all are of exactly these types, and this check is cheaper than `isinstance`
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if value is None or value is True or value is False or type(value) is float:
        return value
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    if depth < _DEEPEST_FACT_LEVELS:
        if type(value) is dict:
            return {str(key): _plain(item, depth + 1) for key, item in value.items()}
        if type(value) is list:
            return [_plain(item, depth + 1) for item in value]
    return _plain_of_others(value, depth)


def _plain_of_others(value: object, depth: int) -> Plain:
    """Return a value of any other type, or one that is nested too deep."""
    match value:
        case int():
            return int(value) if -_INT64 <= value < _INT64 else float(value)
        case float():
            return value
        case str():
            return str(value) if value.isascii() else value.encode("utf-8", "replace").decode()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date():
            return value.isoformat()
        case Mapping() if depth < _DEEPEST_FACT_LEVELS:
            return {str(key): _plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST_FACT_LEVELS:
            return [_plain(item, depth + 1) for item in value]
        case Mapping() | list() | tuple():
            return None
        case _:
            return str(value)
