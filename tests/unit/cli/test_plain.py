"""What strangers wrote draws nothing on a terminal, in whichever list it stands."""

from typing import Any

import pytest

from services.cli import messages, notifications, parked, tail
from services.cli.plain import plain

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e\r\n#1042"


class HostileAnswer(dict[str, Any]):
    """An answer in which every field that is asked for is hostile."""

    def __missing__(self, name: str) -> Any:
        return HOSTILE


@pytest.mark.parametrize("hostile", [HOSTILE, "\x00", "\u2028", "\u200f"])
def test_each_character_that_a_terminal_may_obey_is_a_space(hostile: str) -> None:
    assert plain(hostile).isprintable()
    assert len(plain(hostile)) == len(hostile)


def test_words_of_every_language_stay() -> None:
    assert plain("¡Gracias! 謝謝 👍") == "¡Gracias! 謝謝 👍"


@pytest.mark.parametrize(
    "line",
    [
        tail.line(HostileAnswer(occurred_at="2026-12-01T12:00:00Z")),
        messages.line(HostileAnswer()),
        notifications.delivery_line(HostileAnswer(attempts=1)),
        parked.line("acme", "sender", HostileAnswer(id=1, type="x", recipient_id="y", attempts=0)).replace("\n", " "),
        "".join(messages.preview_lines(HostileAnswer(parts={"parts": 1, "encoding": "GSM-7"}, due_local="x"))),
    ],
    ids=["tail", "messages", "notifications", "parked", "preview"],
)
def test_no_list_lets_a_stranger_draw(line: str) -> None:
    assert line.isprintable()
