"""The word lists of `words.yaml`, compiled for comparison."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from shared.config import strict_yaml
from shared.config.problem import Problem
from shared.errors import ConfigurationFault
from shared.inbound.normal import fold

_FILE = "words.yaml"
_AT_A_WORD = ("\\b", "^", "(?<!")
"""How a line of patterns begins that can match only where a word begins; each of its alternatives does."""
_SET = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Words:
    """Every list of the file; words are folded, and phrases of two words are also listed joined."""

    opt_out: frozenset[str]
    opt_out_strong: frozenset[str]
    opt_out_alone: frozenset[str]
    opt_in: frozenset[str]
    opt_in_when_asked: frozenset[str]
    help: frozenset[str]
    courtesies: frozenset[str]
    """The fillers that may surround HELP."""
    fillers: frozenset[str]
    not_names: frozenset[str]
    names: frozenset[str]
    before_guards: re.Pattern[str]
    guards: tuple[re.Pattern[str], ...]
    opt_out_phrases: re.Pattern[str]
    anywhere: tuple[str, ...]
    wrong_party: re.Pattern[str]
    review: re.Pattern[str]
    review_before_guards: re.Pattern[str]
    auto_replies: re.Pattern[str]
    joined: re.Pattern[str]
    """One word made of an opt-out keyword and a filler, or the keyword again: "stopstop", "plsstop"."""
    tapback: re.Pattern[str]
    stop_signs: frozenset[str]


@cache
def words() -> Words:
    """Return the lists; read once."""
    text = resources.files("shared.inbound").joinpath(_FILE).read_text(encoding="utf-8")
    document = strict_yaml.load(text, _FILE)
    if isinstance(document, Problem):
        raise ConfigurationFault(str(document))
    lists: Any = document.value
    keywords, typos = lists["keywords"], lists["typos"]
    names = _folded(lists["names"])
    sets = {**lists["sets"], "person": f"(?:{'|'.join(sorted(names))})"}
    opt_out_typos = [typos[word] for word in typos if word != "help"]
    strong_typos = [typos[word] for word in ("stop", "unsubscribe", "optout", "revoke")]
    return Words(
        opt_out=_folded([*keywords["opt_out"], *opt_out_typos]),
        opt_out_strong=_folded([keywords["opt_out_strong"], *strong_typos]),
        opt_out_alone=_folded(keywords["opt_out_alone"]),
        opt_in=_folded([keywords["opt_in"]]),
        opt_in_when_asked=_folded([keywords["opt_in_when_asked"]]),
        help=_folded([keywords["help"], typos["help"]]),
        courtesies=frozenset({"please", "pls", "plz", "porfavor", "por", "favor", "svp", "bitte"}),
        fillers=_folded(lists["fillers"]) | names,
        not_names=_folded(lists["not_names"]),
        names=names,
        before_guards=_either(lists["opt_out_before_guards"], sets),
        guards=tuple(re.compile(_filled(guard, sets)) for guard in lists["guards"].values()),
        opt_out_phrases=_either(lists["opt_out"], sets),
        anywhere=tuple(sorted(fold(each) for line in lists["opt_out_anywhere"] for each in line)),
        wrong_party=_either(lists["wrong_party"], sets),
        review=_either(lists["review"], sets),
        review_before_guards=_either(lists["review_before_guards"], sets),
        auto_replies=_either(lists["auto_replies"], sets),
        joined=_joined(lists["joined"]),
        tapback=re.compile(
            rf"^\W*(?:{'|'.join(lists['tapbacks'])})\s*(?:[\"“”„«「]|(?:an?|the|una?|une?|el|la|das|eine?) \w+$)"
        ),
        stop_signs=frozenset(lists["stop_signs"]),
    )


def _folded(lists: Iterable[Iterable[str]]) -> frozenset[str]:
    return frozenset(form for each in lists for word in each for form in (fold(word), fold(word).replace(" ", "")))


def _joined(lists: dict[str, list[str]]) -> re.Pattern[str]:
    keyword, before, after = ("|".join(map(re.escape, lists[name])) for name in ("keywords", "before", "after"))
    return re.compile(rf"(?:{keyword}){{2,}}|(?:{before})(?:{keyword})|(?:{keyword})(?:{after})")


def _filled(pattern: str, sets: dict[str, str]) -> str:
    return _SET.sub(lambda match: sets[match[1]], pattern)


def _either(patterns: Iterable[str], sets: dict[str, str]) -> re.Pattern[str]:
    """Return one pattern for all; those that begin with a word are tried where words begin, which is a fifth of it."""
    filled = [_filled(pattern, sets) for pattern in patterns]
    at_words = "|".join(f"(?:{each})" for each in filled if each.startswith(_AT_A_WORD))
    anywhere = [f"(?:{each})" for each in filled if not each.startswith(_AT_A_WORD)]
    return re.compile("|".join([rf"\b(?=\w)(?:{at_words})", *anywhere] if at_words else anywhere))
