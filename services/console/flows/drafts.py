"""What the editor of flows shows and keeps (pure), and the examples that a new flow can begin with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import BaseModel

from services.console.flows.answers import TextPreview

_NAME_LINE: Final = re.compile(r"\Aflow: .*$", re.MULTILINE)
_DESCRIPTION: Final = re.compile(r"^description: (.*)$", re.MULTILINE)
_SHOWN_CHARACTERS: Final = 120


class DraftProblem(BaseModel):
    """A mistake in a flow that is being written."""

    line: int
    severity: Literal["error", "warning"]
    message: str
    fix: str


class DraftText(BaseModel):
    """A text of it."""

    text: str
    purpose: str
    previews: list[TextPreview]


class DraftCheck(BaseModel):
    """`POST /v1/flows/{flow}/check`."""

    is_valid: bool
    version: str | None
    problems: list[DraftProblem]
    texts: list[DraftText]


class EditedFile(BaseModel):
    """`GET /v1/flows/{flow}/file`."""

    text: str
    sha256: str
    is_writable: bool


@dataclass(frozen=True, slots=True)
class FlowExample:
    """A flow to begin with."""

    name: str
    description: str
    text: str

    def named(self, flow: str) -> str:
        """Return it under another name."""
        return _NAME_LINE.sub(f"flow: {flow}", self.text, count=1)


@lru_cache(maxsize=1)
def examples() -> Mapping[str, FlowExample]:
    """Return the examples by name."""
    folder = files("services.console") / "flows" / "examples"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        text = file.read_text(encoding="utf-8")
        described = _DESCRIPTION.search(text)
        name = file.name.removesuffix(".yaml")
        found[name] = FlowExample(name, described[1] if described else "", text)
    return found


def with_lines(text: str) -> str:
    """Return what a browser sent with the line ends of a file, and one at its end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def line_of(text: str, number: int) -> str:
    """Return a line, shortened; numbers count from 1."""
    lines: Sequence[str] = text.split("\n")
    return lines[number - 1].strip()[:_SHOWN_CHARACTERS] if 0 < number <= len(lines) else ""
