"""What is wrong with a file, and how its author can fix it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error keeps a file from taking effect; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: where it is, what is wrong, what to write instead. `line` counts from 1."""

    file: str
    line: int
    message: str
    fix: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.file}:{self.line}: {self.message}{fix}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was probably meant to be, if there is one."""
    matches = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return how to fix an unknown word: the nearest known one, else all known ones."""
    choice = sorted(known)
    near = nearest(word, choice)
    if near:
        return f"did you mean '{near}'?"
    return f"known here: {', '.join(choice)}" if choice else ""
