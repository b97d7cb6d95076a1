"""The text that is sent: filled in, signed with the brand, with its STOP instruction, counted exactly."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, assert_never

from shared.events.follow_up import Purpose
from shared.parts import Encoding, count
from shared.rendering.instructions import has_stop_instruction, stop_line
from shared.templates import engine

BODY_LIMIT_CHARACTERS = 1600
"""UTF-16 units; Twilio refuses a longer body with 21617, and no other provider takes more."""
MAX_PARTS = 10
BRAND_WITHIN_CHARACTERS = 40
"""The brand counts as at the start if it begins within so many characters (compliance section 10)."""

_ADDRESS = re.compile(r"https?://\S+")
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc, the end of a line excepted, and Cs."""
_TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"})  # as typed and as set


class LinkRefused(Exception):
    """Raised by a `link` callback for an address it will not shorten; the text is not rendered then."""


class RenderFailure(StrEnum):
    """Why there is no text."""

    TEMPLATE = "template"
    """The template is wrong by itself."""
    MISSING_VALUE = "missing_value"
    LINK = "link"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_MANY_PARTS = "too_many_parts"


class RenderInput(NamedTuple):
    """All inputs of a text."""

    template: str
    facts: Mapping[str, Any]
    """The roots a template may read: trigger, recipient, merchant."""
    brand: str
    locale: str
    """BCP 47: the language of the STOP instruction."""
    purpose: Purpose
    first_contact: bool
    """No text with a STOP instruction reached this person yet, or none for a month (compliance section 2)."""
    contact_line: str | None = None
    """What the answer to HELP names: phone, mail address or page."""
    max_parts: int = MAX_PARTS
    opt_out_at: str | None = None
    """Where STOP goes if the sender takes no replies: a number or an address. None: reply to the text."""


class Rendered(NamedTuple):
    """A finished text and what it weighs."""

    text: str
    parts: int
    encoding: Encoding
    units: int

    @property
    def sha256(self) -> str:
        """The hash that identifies the text at a provider, and in the records after the text is deleted."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RenderFailed:
    """There is no text, and never will be for the same input; holds no personal data."""

    reason: RenderFailure
    detail: str
    field: str | None = None
    """The value a template misses."""


def render(source: RenderInput, *, link: Callable[[str], str]) -> Rendered | RenderFailed:
    """Return the exact text to hand to a provider, or why there is none.

    `link` makes the short link for an address; it may raise `LinkRefused`.

    Source: compliance section 10: brand at the start of every text; a STOP instruction in every marketing text, in
    the first text to any recipient and in the answer to HELP; a confirmation of STOP carries the brand and nothing
    else.
    """
    try:
        filled = engine.render(source.template, source.facts, link=link, locale=source.locale)
    except LinkRefused as refusal:
        return RenderFailed(RenderFailure.LINK, str(refusal))
    if isinstance(filled, engine.TemplateError):
        reason = RenderFailure.MISSING_VALUE if filled.field else RenderFailure.TEMPLATE
        return RenderFailed(reason, f"line {filled.line}: {filled.reason}", filled.field)
    body = _sendable(filled)
    if not body:
        return RenderFailed(RenderFailure.EMPTY, "nothing is left of the template with these facts")
    return _weighed(_completed(body, source), source.max_parts)


def names_brand(text: str, brand: str) -> bool:
    """Return whether a text names the brand near its start, as a whole name and not inside an address."""
    start, name = _folded(_ADDRESS.sub("", text)), _folded(brand)
    at = start.find(name)
    while 0 <= at < BRAND_WITHIN_CHARACTERS:
        before, after = start[at - 1 : at], start[at + len(name) : at + len(name) + 1]
        if not _continues(before, name[:1]) and not _continues(name[-1:], after):
            return True
        at = start.find(name, at + 1)
    return False


def _completed(body: str, source: RenderInput) -> str:
    """Return the body with what it lacks."""
    if not names_brand(body, source.brand):
        body = f"{_sendable(source.brand)}: {body}"
    for line in _lines_due(source):
        if line is not None and not _says(body, line, source):
            body = f"{body}\n{line}"
    return body


def _lines_due(source: RenderInput) -> tuple[str | None, ...]:
    """Return the lines that a text of this purpose must have."""
    stop = _sendable(stop_line(source.locale, source.opt_out_at))
    match source.purpose:
        case Purpose.MARKETING:
            return (stop,)
        case Purpose.INFORMATIONAL | Purpose.TRANSACTIONAL | Purpose.CONVERSATION:
            return (stop,) if source.first_contact else ()
        case Purpose.HELP:
            return (_sendable(source.contact_line) if source.contact_line else None, stop)
        case Purpose.OPT_OUT_CONFIRMATION:
            return ()
        case _:
            assert_never(source.purpose)


def _says(body: str, line: str, source: RenderInput) -> bool:
    """Return whether the body already contains a line's content."""
    if line in _sendable(source.template):
        return line in body
    if source.contact_line and line == _sendable(source.contact_line):
        return _folded(line) in _folded(body)
    if not has_stop_instruction(body, brand=source.brand):
        return False
    own = engine.own_words(source.template, source.facts)  # a customer's own words are no opt-out instruction
    if isinstance(own, engine.TemplateError):
        return False
    own = _sendable(own)
    return line in own or has_stop_instruction(own, brand=source.brand)


def _weighed(text: str, max_parts: int) -> Rendered | RenderFailed:
    """Return the text with its parts, unless a provider would refuse it or it would cost too much."""
    length = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
    weight = count(text)
    if length > BODY_LIMIT_CHARACTERS:
        weighs = f"{weight.parts} parts, at most {max_parts}; " if weight.parts > max_parts else ""
        return RenderFailed(RenderFailure.TOO_LONG, f"{weighs}{length} characters, at most {BODY_LIMIT_CHARACTERS}")
    if weight.parts > max_parts:
        return RenderFailed(RenderFailure.TOO_MANY_PARTS, f"{weight.parts} parts, at most {max_parts}")
    return Rendered(text, weight.parts, weight.encoding, weight.units)


def _sendable(text: str) -> str:
    """Return the text composed (NFC: é as one letter fits GSM-7), trimmed, and without characters no phone shows."""
    if text.isprintable() and text.isascii():  # of one line, as nearly all are; every other answer costs more
        return text.strip()
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    return _UNSEEN.sub("", text).strip()


def _folded(text: str) -> str:
    """Return the text as names are compared: without case, typographic marks and runs of white space."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHIC)
    return " ".join(text.casefold().split())


def _continues(before: str, after: str) -> bool:
    """Return whether two neighbouring characters belong to one word ("Go" is not named in "Good")."""
    return _is_letter(before) and _is_letter(after)


def _is_letter(character: str) -> bool:
    """Return whether it is a digit or a letter of a script that puts blanks between words (those have case)."""
    return character.isdigit() or character.lower() != character.upper()
