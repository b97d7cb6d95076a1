"""The drawing of a flow: boxes one below the other, each text counted once in its bar."""

from services.console.flows.answers import EndedTexts, FlowFigures, ShownFlow, StepFigures
from services.console.flows.drawing import WIDTH, drawn

WAIT = {"kind": "wait", "seconds": 60, "days": 0, "hours": 0, "minutes": 0, "then_at": None, "on": None}
TEXT: dict[str, object] = {
    "kind": "text",
    "text": "one",
    "purpose": "marketing",
    "expire_after_seconds": None,
    "if_past": "send",
    "previews": [],
    "control": None,
}
FLOW = ShownFlow.model_validate(
    {
        "flow": "f",
        "version": "v",
        "is_in_force": True,
        "description": "",
        "on": "purchase",
        "when": None,
        "enter": {"rule": "once", "once_per": None, "every_seconds": None},
        "cancel_on": [],
        "click_days": 1,
        "delivered_hours": 1,
        "steps": [WAIT, TEXT],
        "planned_texts": 0,
        "control": None,
    }
)


def test_boxes_stand_below_each_other_and_lines_join_them() -> None:
    drawing = drawn(FLOW, FlowFigures(flow="f"))
    assert [box.kind for box in drawing.boxes] == ["trigger", "wait", "text", "end"]
    for above, below, line in zip(drawing.boxes, drawing.boxes[1:], drawing.lines, strict=False):
        assert above.y + above.height == line.from_y < line.to_y == below.y
    assert drawing.height >= drawing.boxes[-1].y + drawing.boxes[-1].height


def test_the_bar_shows_each_text_once() -> None:
    ended = [EndedTexts(state="failed", words="", texts=1), EndedTexts(state="cancelled", words="", texts=2)]
    step = StepFigures(step="one", planned=10, waiting=3, sent=5, delivered=3, ended=ended)
    (box,) = [each for each in drawn(FLOW, FlowFigures(flow="f", steps=[step])).boxes if each.kind == "text"]
    assert {part.kind: part.texts for part in box.bar} == {"delivered": 3, "sent": 1, "waiting": 3, "ended": 3}
    assert box.ended == 3
    assert sum(part.width for part in box.bar) < WIDTH
    assert box.bar[0].x == 0


def test_a_step_that_nobody_reached_has_an_empty_bar() -> None:
    (box,) = [each for each in drawn(FLOW, FlowFigures(flow="f")).boxes if each.kind == "text"]
    assert (box.bar, box.ended, box.under_way) == ((), 0, 0)
