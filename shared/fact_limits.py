"""How large facts may be: they travel sealed through every topic, and conditions and templates walk through them."""

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

MOST_BYTES: Final = 65_536
"""Of all facts of one event or text together, as JSON."""
MOST_CHARACTERS: Final = 8_192
"""Of one text among them."""
DEEPEST_LEVELS: Final = 20


def problem_of(facts: Mapping[str, Any]) -> str | None:
    """Return what is too large among facts that a caller chose to send, or None."""
    if _are_small(facts):
        return None
    if _deepest(facts) > DEEPEST_LEVELS:
        return f"facts are at most {DEEPEST_LEVELS} levels deep"
    longest = _longest(facts)
    if longest > MOST_CHARACTERS:
        return f"a fact is a text of at most {MOST_CHARACTERS:,} characters, this one has {longest:,}"
    size = _bytes_of(facts)
    return f"facts take at most {MOST_BYTES:,} bytes together, these take {size:,}" if size > MOST_BYTES else None


def bounded_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts that are not too large; for models of request bodies.

    Raises:
        ValueError: they are, and how.
    """
    if (problem := problem_of(facts)) is not None:
        raise ValueError(problem)
    return facts


def within_bounds(facts: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the facts of a platform's delivery that are not too large, and how many were left out.

    A platform cannot be asked to send less, and a delivery's meaning does not depend on these: drop what is too large.
    """
    if _are_small(facts):
        return dict(facts), 0
    kept = {name: value for name, value in facts.items() if problem_of({name: value}) is None}
    by_size = sorted(kept, key=lambda name: _bytes_of({name: kept[name]}))
    total = 0
    for place, name in enumerate(by_size):
        total += _bytes_of({name: kept[name]})
        if total > MOST_BYTES:
            for left_out in by_size[place:]:
                del kept[left_out]
            break
    return kept, len(facts) - len(kept)


def _are_small(facts: Mapping[str, Any]) -> bool:
    """Return whether facts are within every bound at a glance, as nearly all are: no text or depth can be too large."""
    try:
        written = orjson.dumps(facts)
    except TypeError:
        return False
    return len(written) <= MOST_CHARACTERS and written.count(b"{") + written.count(b"[") <= DEEPEST_LEVELS


def _bytes_of(facts: Mapping[str, Any]) -> int:
    """Return the size of facts as JSON."""
    try:
        return len(orjson.dumps(facts, default=str))
    except TypeError:  # a number beyond 64 bits, or a key that is no text
        return len(json.dumps(facts, default=str).encode())


def _longest(value: object) -> int:
    match value:
        case str():
            return len(value)
        case Mapping():
            return max((max(len(str(key)), _longest(item)) for key, item in value.items()), default=0)
        case list() | tuple():
            return max(map(_longest, value), default=0)
        case _:
            return 0


def _deepest(value: object, level: int = 0) -> int:
    """Return how deep a value is nested, up to the limit."""
    if level > DEEPEST_LEVELS:
        return level
    match value:
        case Mapping():
            return max((_deepest(item, level + 1) for item in value.values()), default=level)
        case list() | tuple():
            return max((_deepest(item, level + 1) for item in value), default=level)
        case _:
            return level
