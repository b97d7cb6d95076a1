"""The snippets of a documentation page: fenced blocks, the comment that labels each, and curl commands as requests."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"(?:<!-- (\w+): (\S+) -->\n)?^( *)```(\w*)[^\n]*\n(.*?)^\3```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snippet:
    """One fenced block; `label` is what the comment before it says, such as ``("file", "merchants/…")``."""

    label: tuple[str, str] | None
    language: str
    text: str


def pages() -> list[Path]:
    """Return the pages written by hand, sorted."""
    return sorted(page for page in DOCS.rglob("*.md") if not page.is_relative_to(DOCS / "reference"))


def snippets(page: Path) -> list[Snippet]:
    """Return the fenced blocks of a page, in order."""
    return [
        Snippet((kind, value) if kind else None, language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
        for kind, value, indent, language, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
    ]


def labelled(page: Path, kind: str) -> dict[str, str]:
    """Return the blocks of one kind of label, by its value."""
    return {each.label[1]: each.text for each in snippets(page) if each.label and each.label[0] == kind}


def write_files(page: Path, folder: Path, replacements: Mapping[str, str]) -> None:
    """Write every file that a page shows into a folder."""
    for name, text in labelled(page, "file").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(_replaced(text, replacements), encoding="utf-8")


def request_of(command: str, replacements: Mapping[str, str]) -> httpx2.Request:
    """Return what a curl command asks for.

    Raises:
        ValueError: the command uses an option that is not known here.
    """
    words = shlex.split(_replaced(command, replacements))
    if words.pop(0) != "curl":
        raise ValueError(f"not a curl command: {command}")
    method, headers, body, url = None, {}, None, ""
    while words:
        match words.pop(0):
            case "-s":
                pass
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case option if option.startswith("-"):
                raise ValueError(f"unknown option {option}")
            case word:
                url = word
    return httpx2.Request(method or ("POST" if body else "GET"), url, headers=headers, content=body)


def commands(texts: Sequence[str]) -> list[str]:
    """Return each line of shell snippets that calls `followup`."""
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [
        line for line in lines if re.match(r"(\w+=\S+ )*(followup|python -m services)\b", line) or "| followup" in line
    ]


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text
