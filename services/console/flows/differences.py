"""What changed between two versions of a flow, line by line (pure)."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MOST_LINES: Final = 1_500
"""Of one version: comparing takes as many steps as the product of both in the worst case."""
_AROUND: Final = 2
_HEAD_LINES: Final = 3
"""The names of both texts, and where the first change is."""


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A line of the comparison."""

    sign: str
    """`+` new, `-` gone, a blank for one that stayed, `@` where lines that stayed are left out."""
    words: str


def changed_lines(before: str, after: str) -> Sequence[ChangedLine] | None:
    """Return what changed, with the lines around it; None where the texts are too long to be compared."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return None
    lines = list(difflib.unified_diff(old, new, n=_AROUND, lineterm=""))[_HEAD_LINES:]
    return [ChangedLine(line[0], "" if line[0] == "@" else line[1:]) for line in lines]
