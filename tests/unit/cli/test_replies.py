"""`followup replies`: what it requests, and what it prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

import services.cli.replies
from services.cli.app import app

REPLY: dict[str, Any] = {
    "id": "0" * 64,
    "received_at": "2026-12-01T17:00:00Z",
    "provider": "main",
    "reason": "sender_unknown",
    "reply_class": "opt_out",
    "fields": {"From": "messenger:1042", "To": "+12025550100", "Body": "Stop [bold]\x1b[2J"},
}


class FakeAPI:
    """Answers like the HTTP API, and records the requests."""

    def __init__(self) -> None:
        self.page: dict[str, Any] = {"replies": [REPLY], "next_cursor": "abc"}
        self.asked: list[Any] = []

    def require(self, merchant: str) -> None:
        assert merchant == "acme"

    def get(self, merchant: str, path: str) -> dict[str, Any]:
        self.asked.append((merchant, path))
        return self.page

    def post(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((merchant, path, body))
        return {"reply_class": "opt_out", "merchant": "acme"}


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> FakeAPI:
    application = FakeAPI()

    @contextmanager
    def opened(_: object) -> Iterator[FakeAPI]:
        yield application

    monkeypatch.setattr(services.cli.replies, "open_client", opened)
    return application


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["replies", *arguments, "--merchant", "acme"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_reply_is_shown_with_what_it_says_and_nothing_of_it_moves_the_screen(application: FakeAPI) -> None:
    shown = said("unassigned")
    assert '"messenger:1042" to "+12025550100", read as opt_out' in shown
    assert '"Stop [bold]\\u001b[2J"' in shown
    assert "More: --cursor abc" in shown
    said("unassigned", "--cursor", "abc")
    assert [asked[1] for asked in application.asked] == ["/v1/replies/unassigned", "/v1/replies/unassigned?cursor=abc"]
    application.page = {"replies": [], "next_cursor": None}
    assert "No reply is unassigned" in said("unassigned")


def test_a_reply_is_assigned_or_dismissed_by_its_id(application: FakeAPI) -> None:
    assert said("assign", REPLY["id"], "--to", "+12125550123") == "Recorded as opt_out for acme.\n"
    assert said("dismiss", REPLY["id"], "--although-opt-out") == "Deleted.\n"
    path = f"/v1/replies/unassigned/{REPLY['id']}"
    assert application.asked == [
        ("acme", f"{path}/assign", {"to": "+12125550123", "merchant": None}),
        ("acme", f"{path}/dismiss", {"although_opt_out": True}),
    ]
