"""What `followup ledger entries` asks for and prints."""

from typing import Any, Self

import pytest
from typer.testing import CliRunner

from services.cli import ledger

ENTRY = {
    "recorded_at": "2026-12-01T17:00:00Z",
    "recipient_id": "r-1",
    "act": "revoked",
    "scope": "all",
    "method": "reply",
    "source": "reply\x1b[31m",
    "actor": "recipient",
}


class Client:
    """Answers as an application with one entry, and more behind it."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page = page
        self.asked: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def require(self, merchant: str) -> None:
        assert merchant == "acme"

    def get(self, merchant: str, path: str) -> dict[str, Any]:
        self.asked.append((merchant, path))
        return self.page


def run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str) -> str:
    monkeypatch.setattr(ledger, "open_client", lambda _settings: client)
    found = CliRunner().invoke(ledger.ledger, ("entries", "--merchant", "acme", *arguments))
    assert found.exit_code == 0, found.output
    return found.output


def test_entries_are_lines_that_cannot_draw_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client({"entries": [ENTRY], "next_cursor": "abc", "searched_to": "2026-11-01T00:00:00Z"})
    said = run(monkeypatch, client, "--act", "revoked", "--cursor", "a&b")
    assert "2026-12-01T17:00:00Z  r-1  revoked  all  reply  reply [31m, by recipient\n" in said
    assert "to go on: followup ledger entries --merchant acme --act revoked --cursor abc" in said
    assert client.asked == [("acme", "/v1/consents?act=revoked&cursor=a%26b")]


def test_no_entry_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client({"entries": [], "next_cursor": None, "searched_to": None})
    assert run(monkeypatch, client) == "There is no such entry.\n"
    assert client.asked == [("acme", "/v1/consents")]
