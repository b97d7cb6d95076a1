"""The steps of a flow as boxes and lines (pure). A step is a node of a tree: today's flows are trees without branches.

Units are those of the drawing, which is scaled to the width of its card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.console.flows.answers import FlowFigures, FlowWait, ShownFlow, StepFigures
from services.console.flows.words import kind_words, wait_words

WIDTH: Final = 340
_EDGE: Final = 1
_TRIGGER_HEIGHT: Final = 46
_WAIT_HEIGHT: Final = 28
_TEXT_HEIGHT: Final = 92
_END_HEIGHT: Final = 30
_GAP: Final = 20
_BAR: Final = WIDTH - 2 * 16
_LONGEST_WORDS: Final = 40


@dataclass(frozen=True, slots=True)
class BarSlice:
    """A part of the bar of a text: how many of its texts are there now."""

    kind: str
    """`delivered`, `sent`, `waiting`, `ended`."""
    x: float
    width: float
    texts: int


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """One box."""

    kind: str
    """`trigger`, `wait`, `text`, `end`."""
    y: float
    height: float
    words: str
    figures: StepFigures | None = None
    bar: tuple[BarSlice, ...] = ()
    is_paused: bool = False

    @property
    def under_way(self) -> int:
        """Texts that a provider took, and of which it is not known yet whether they arrived."""
        return 0 if self.figures is None else _under_way(self.figures)

    @property
    def ended(self) -> int:
        """Texts that ended without arriving."""
        return 0 if self.figures is None else sum(each.texts for each in self.figures.ended)


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line from one box down to the next."""

    x: float
    from_y: float
    to_y: float


@dataclass(frozen=True, slots=True)
class FlowDrawing:
    """A flow's boxes and lines."""

    width: float
    height: float
    boxes: Sequence[DrawnStep]
    lines: Sequence[DrawnLine]


def drawn(flow: ShownFlow, figures: FlowFigures) -> FlowDrawing:
    """Return the drawing of a flow with the counts at each step."""
    trigger = f"When {kind_words(flow.on)}"
    planned: list[tuple[str, float, str, StepFigures | None, bool]] = [
        ("trigger", _TRIGGER_HEIGHT, _short(trigger), figures, False)
    ]
    for step in flow.steps:
        if isinstance(step, FlowWait):
            planned.append(("wait", _WAIT_HEIGHT, _short(wait_words(step)), None, False))
        else:
            found = figures.of(step.text)
            planned.append(("text", _TEXT_HEIGHT, step.text, found, step.control is not None))
    planned.append(("end", _END_HEIGHT, "End", None, False))
    boxes: list[DrawnStep] = []
    lines: list[DrawnLine] = []
    y = float(_EDGE)
    for kind, height, words, counted, is_paused in planned:
        if boxes:
            lines.append(DrawnLine(WIDTH / 2, boxes[-1].y + boxes[-1].height, y))
        bar = _bar(counted) if kind == "text" and counted is not None else ()
        boxes.append(DrawnStep(kind, y, height, words, counted, bar, is_paused))
        y += height + _GAP
    return FlowDrawing(WIDTH, y - _GAP + _EDGE, boxes, lines)


def _bar(figures: StepFigures) -> tuple[BarSlice, ...]:
    """Return where the texts of a step are: each once."""
    ended = sum(each.texts for each in figures.ended)
    counts = (
        ("delivered", figures.delivered),
        ("sent", _under_way(figures)),
        ("waiting", figures.waiting),
        ("ended", ended),
    )
    total = sum(count for _, count in counts)
    slices, x = [], 0.0
    for kind, count in counts:
        if count:
            width = _BAR * count / total
            slices.append(BarSlice(kind, x, width, count))
            x += width
    return tuple(slices)


def _under_way(figures: StepFigures) -> int:
    failed = sum(each.texts for each in figures.ended if each.state == "failed")
    return max(0, figures.sent - figures.delivered - failed)


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST_WORDS else f"{words[: _LONGEST_WORDS - 1]}…"
