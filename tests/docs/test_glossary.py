"""The glossary defines every word of the domain that the code uses as a type, each with an example."""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

from shared.events.follow_up import Purpose
from shared.events.registry import registry
from shared.vocabulary.follow_up_states import FollowUpState

ROOT = Path(__file__).parent.parent.parent
ENTRIES = {
    match[1].replace("-", " ").casefold(): match[2]
    for match in re.finditer(
        r"^\*\*(.+?)\*\*: (.+)$", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
}
WORDS = ("shared.events", "shared.vocabulary")
"""Where each value is part of the vocabulary, too."""
NOT_DOMAIN = {
    "Aspect": "a parameter of window arithmetic",
    "Breakdown": "a parameter of figures",
    "CellMark": "a mark in the matrix of states",
    "Dimension": "a parameter of figures",
    "Measure": "a column of sums",
    "Observed": "a property of holiday calendars",
    "PastKind": "purposes and HELP, as the gate counts them",
    "RenderFailure": "why a template gives no text",
    "Tone": "a colour of the console",
    "Unit": "how a figure is written",
}
NOUNS = (
    *("merchant", "recipient", "contact", "sender number", "source", "provider", "event", "trigger", "subject", "flow"),
    *("flow version", "step", "enrollment", "deal", "decline", "follow up", "content", "release", "queue"),
    *("postponement", "gate", "verdict", "lapse", "evidence", "quiet hours", "frequency cap", "consent", "ledger"),
    *("standing", "opt out", "suppression", "erasure", "export", "closing", "dispatch", "intent", "attempt", "outcome"),
    *("delivery receipt", "reconciliation", "part", "reply", "short link", "click", "conversion", "segment", "double"),
    *(
        "entry point",
        "partition",
        "position",
        "unit of work",
        "outbox",
        "mark",
        "quota",
        "park",
        "redrive",
        "retention",
    ),
)
"""Nouns that no enumeration of the code is named after."""


def modules() -> Iterator[ModuleType]:
    """Yield the modules that hold the domain's vocabulary: events, shared vocabulary, and all pure decisions."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    pure = next(each for each in contracts["contracts"] if each["name"].startswith("decisions are pure"))
    for name in (*WORDS, *pure["source_modules"]):
        module = importlib.import_module(name)
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            yield importlib.import_module(found.name)


def term(name: str) -> str:
    """Return the words of a class name: `FollowUpState` is a follow up state."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).casefold()


ENUMERATIONS = {
    value.__name__: value
    for module in modules()
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Enum) and value.__module__ == module.__name__
}


@pytest.mark.parametrize("name", sorted(ENUMERATIONS.keys() - NOT_DOMAIN.keys()))
def test_every_enumeration_of_the_domain_has_its_entry(name: str) -> None:
    assert term(name) in ENTRIES


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ENUMERATIONS.values() if kind.__module__.startswith(WORDS)],
    ids=lambda kind: kind.__name__,
)
def test_every_value_of_the_shared_vocabulary_is_named_in_the_entry(kind: type[Enum]) -> None:
    entry = ENTRIES[term(kind.__name__)]
    words = {member.value if isinstance(member.value, str) else member.name for member in kind}
    if kind is FollowUpState:
        entry += " ".join(ENTRIES[state.value] for state in FollowUpState)
    assert {word for word in words if f"`{word}`" not in entry} == set()


def test_every_state_and_every_verdict_has_its_own_entry() -> None:
    assert {*FollowUpState, "clear", "defer", "block"} <= ENTRIES.keys()


def test_every_purpose_and_every_event_type_is_named() -> None:
    text = " ".join(ENTRIES.values())
    assert {word for word in (*Purpose, *registry()) if f"`{word}`" not in text} == set()


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_of_the_domain_has_its_entry(noun: str) -> None:
    assert noun in ENTRIES


def test_every_entry_is_a_sentence_with_an_example() -> None:
    assert {word for word, text in ENTRIES.items() if not re.search(r"\. Example: .+[.\"]$", text)} == set()
    assert len(ENTRIES) == (ROOT / "docs/glossary.md").read_text(encoding="utf-8").count("\n**")


def test_what_is_no_domain_word_is_still_there() -> None:
    assert NOT_DOMAIN.keys() <= ENUMERATIONS.keys()
