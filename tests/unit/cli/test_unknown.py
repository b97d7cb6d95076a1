"""What `followup unknown` prints, and which call it resolves."""

from typing import Any, Self

import pytest
from typer.testing import CliRunner

from services.cli import unknown
from services.cli.unknown import line

TEXT: dict[str, Any] = {
    "follow_up_id": "f-1",
    "to": "+12125550123",
    "flow": "cart",
    "provider": "main",
    "sender_number": "+12025550100",
    "called_at": "T",
    "seen": "http_503",
    "is_given_up": False,
    "asked_at": None,
    "answer": None,
    "asked_again_at": "T+5",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "(http_503)\n  the provider was not asked yet; asked again at T+5"),
        ({"asked_at": "T+1", "answer": "not_listed"}, "  asked at T+1: it lists no such text; asked again at T+5"),
        ({"asked_at": "T+1", "answer": "a newer word"}, "  asked at T+1: nothing was certain; asked again at T+5"),
        ({"is_given_up": True, "to": None}, "given up: it counts as sent until you say what became of it"),
    ],
)
def test_a_text_is_what_is_known_of_it_and_what_comes(changes: dict[str, Any], said: str) -> None:
    shown = line("acme", {**TEXT, **changes})
    assert shown.endswith(said)
    assert ("number no longer kept" in shown) == (changes.get("to", "") is None)


class Client:
    """An application with two merchants, of which the second has the text."""

    merchants = ("acme", "globex")

    def __init__(self) -> None:
        self.posted: list[tuple[str, str, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, merchant: str, path: str) -> dict[str, Any] | None:
        if path.endswith("/unknown"):
            return {"unknown": [TEXT] if merchant == "globex" else [], "next_cursor": None}
        is_there = merchant == "globex" and path.endswith("/f-1")
        return {"attempts": [{"attempt_id": "a-1"}, {"attempt_id": "a-2"}]} if is_there else None

    def post(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.posted.append((merchant, path, body))
        return {"state": "accepted", "retry_at": None}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(unknown, "open_client", lambda _settings: client)
    return client


def test_the_last_call_of_the_merchant_that_has_the_text_is_resolved(client: Client) -> None:
    said = CliRunner().invoke(unknown.unknown, ["resolve", "f-1", "--sent", "--message", "SM1", "--why", "seen"])
    assert (said.exit_code, said.stdout) == (0, "globex: accepted\n")
    [(merchant, path, body)] = client.posted
    assert (merchant, path) == ("globex", "/v1/dispatches/f-1/resolve")
    assert body == {
        "attempt_id": "a-2",
        "outcome": "sent",
        "provider_message_id": "SM1",
        "send_again": False,
        "reason": "seen",
    }


def test_a_text_that_nobody_has_and_a_missing_outcome_are_told(client: Client) -> None:
    said = CliRunner().invoke(unknown.unknown, ["resolve", "f-2", "--not-sent", "--why", "seen"])
    assert (said.exit_code, "followup unknown" in str(said.exception)) == (1, True)
    assert CliRunner().invoke(unknown.unknown, ["resolve", "f-1", "--why", "seen"]).exit_code == 2
    assert client.posted == []


def test_the_list_needs_no_name(client: Client) -> None:
    assert "f-1  globex" in CliRunner().invoke(unknown.unknown, []).stdout
    assert client.posted == []
