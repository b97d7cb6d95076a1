"""The screen of a phone: texts as bubbles, with days, links and delivery states."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import Markup, escape  # jinja2's own escaping

from services.simulator.texts import Direction, SimulatedText, TextStatus, parts_of

_URL: Final = re.compile(r"https?://[^\s<>\"']+")
_BARE_HOST: Final = re.compile(r"(?<![\w@./-])((?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>\"']+)", re.IGNORECASE)
_TRAILING_PUNCTUATION: Final = ".,;:!?)]}»”’"
_NANP: Final = re.compile(r"\+1(\d{3})(\d{3})(\d{4})")
_NEVER_ARRIVED: Final = frozenset({TextStatus.UNDELIVERED, TextStatus.FAILED})
_STATES: Final = {
    TextStatus.QUEUED: "On its way",
    TextStatus.SENT: "On its way",
    TextStatus.DELIVERED: "Delivered",
    TextStatus.UNDELIVERED: "Not delivered",
    TextStatus.FAILED: "Not sent",
    TextStatus.RECEIVED: "Sent",
}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text on the screen, as the person sees it: `is_mine` when the person wrote it."""

    text: SimulatedText
    html: Markup
    is_mine: bool
    state: str
    tone: str
    parts: int
    new_day: date | None
    is_first_of_group: bool
    is_last_of_group: bool


def bubbles(texts: Sequence[SimulatedText]) -> list[Bubble]:
    """Return the conversation, oldest first; neighbours from the same side form a group."""
    shown = []
    for position, text in enumerate(texts):
        before = texts[position - 1] if position else None
        after = texts[position + 1] if position + 1 < len(texts) else None
        day = text.created_at.date()
        is_new_day = before is None or before.created_at.date() != day
        shown.append(
            Bubble(
                text=text,
                html=linked(text.body),
                is_mine=text.is_inbound,
                state=state_of(text),
                tone=tone_of(text),
                parts=parts_of(text.body),
                new_day=day if is_new_day else None,
                is_first_of_group=is_new_day or before is None or _side(before) != _side(text),
                is_last_of_group=after is None or _side(after) != _side(text) or after.created_at.date() != day,
            ),
        )
    return shown


def state_of(text: SimulatedText) -> str:
    """Return the status of a text as shown to people."""
    words = _STATES[text.status]
    return words if text.error_code is None else f"{words} ({text.error_code})"


def tone_of(text: SimulatedText) -> str:
    """Return the style of a text: `here`, `waiting` or `lost`."""
    if text.status in _NEVER_ARRIVED:
        return "lost"
    return "waiting" if text.status in {TextStatus.QUEUED, TextStatus.SENT} else "here"


def linked(body: str) -> Markup:
    """Return the text with its links tappable, everything else escaped, line breaks kept by the style."""
    return Markup("").join(_pieces(body))


def readable(number: str) -> str:
    """Return a phone number as people write it: +1 (202) 555-0123; numbers outside North America as they are."""
    match = _NANP.fullmatch(number)
    return f"+1 ({match[1]}) {match[2]}-{match[3]}" if match else number


def version_of(texts: Iterable[SimulatedText], *flags: object) -> str:
    """Return a version that changes whenever the display of these texts changes."""
    marks = [f"{text.seq}.{text.reached}.{text.updated_at.timestamp()}.{text.callback_result}" for text in texts]
    return f"{hash((*marks, *map(str, flags))) & 0xFFFFFFFFFFFFFFFF:016x}"


def _pieces(body: str) -> Iterator[Markup]:
    at = 0
    for start, end, target in _links(body):
        yield escape(body[at:start])
        label = body[start:end]
        yield Markup('<a href="{}" rel="noreferrer" target="_blank">{}</a>').format(target, label)
        at = end
    yield escape(body[at:])


def _links(body: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and target of each link, without the punctuation that ends the sentence."""
    found = [(match.start(), match[0], match[0]) for match in _URL.finditer(body)]
    covered = [(start, start + len(label)) for start, label, _ in found]
    found.extend(
        (match.start(), match[0], f"https://{match[0]}")
        for match in _BARE_HOST.finditer(body)
        if not any(start <= match.start() < end for start, end in covered)
    )
    for start, label, target in sorted(found):
        surplus = len(label) - len(label.rstrip(_TRAILING_PUNCTUATION))
        yield start, start + len(label) - surplus, target[: len(target) - surplus]


def _side(text: SimulatedText) -> tuple[bool, str, bool]:
    return text.is_inbound, text.number, text.direction is Direction.OUTBOUND_REPLY
