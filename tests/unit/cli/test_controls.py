"""What `followup controls` says of a control in one line, and the scope that `pause`, `stop`, `resume` ask about."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.cli import controls
from services.cli.controls import line, pause, resume, stop

CONTROL: dict[str, Any] = {
    "action": "pause",
    "scope": {"everything": False, "merchant": "acme", "flow": "win-back", "step": None},
    "reason": "wrong code",
    "made_at": "2026-12-01T17:00:00Z",
    "made_by": "operator",
    "until": None,
    "in_force_at": "2026-12-01T17:00:01Z",
    "lifted_at": None,
    "lifted_by": None,
    "waiting": 0,
    "cancelled": 0,
    "in_progress": False,
}
START = "paused: merchant acme, flow win-back, since 2026-12-01T17:00:00Z by operator (wrong code)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, START),
        ({"waiting": 12}, f"{START}; 12 waiting"),
        ({"in_force_at": None}, f"{START}; NOT YET obeyed by the sender"),
        ({"until": "2026-12-26T08:00:00Z"}, f"{START}; until 2026-12-26T08:00:00Z"),
        ({"lifted_at": "L", "lifted_by": "until", "until": "L"}, f"{START}; lifted L by until"),
        (
            {"action": "stop", "cancelled": 7, "in_progress": True},
            f"{START.replace('paused', 'stopped')}; 7 cancelled (in progress)",
        ),
        (
            {"scope": {"everything": True, "merchant": None}, "reason": None},
            "paused: everything, since 2026-12-01T17:00:00Z by operator",
        ),
    ],
)
def test_a_line_says_what_is_paused_since_when_by_whom_and_why(changes: dict[str, Any], said: str) -> None:
    assert line({**CONTROL, **changes}) == said


class Client:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.merchants = ["acme"]
        self.asked: list[dict[str, Any]] = []

    def require(self, merchant: str) -> None:
        assert merchant in self.merchants

    def post(self, _merchant: str, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        return {"controls": [], "follow_ups": 0}


@pytest.mark.parametrize("action", ["pause", "stop", "resume"])
@pytest.mark.parametrize(
    ("given", "scope"),
    [
        (["acme"], {"merchant": "acme"}),
        (["acme", "--flow", "win-back", "--step", "first"], {"flow": "win-back", "step": "first"}),
        (["acme", "--to", "+12125550123"], {"to": "+12125550123"}),
        (["--everything"], {"everything": True}),
        ([], None),
        (["acme", "--everything"], None),
    ],
)
def test_each_command_asks_about_the_scope_that_is_named(
    monkeypatch: pytest.MonkeyPatch, action: str, given: list[str], scope: dict[str, Any] | None
) -> None:
    client = Client()

    @contextmanager
    def opened(_settings: Any) -> Iterator[Client]:
        yield client

    monkeypatch.setattr(controls, "open_client", opened)
    application = typer.Typer()
    for command in (pause, stop, resume):
        application.command()(command)
    more = ["--yes"] if action == "stop" else []
    result = CliRunner().invoke(application, [action, *given, "--why", "wrong code", *more])
    assert (result.exit_code == 0) is (scope is not None), result.output
    assert [(body["action"], body["scope"], body["reason"]) for body in client.asked] == (
        [] if scope is None else [(action, scope, "wrong code")]
    )
