"""`followup trigger`: what it sends, and what it refuses before anything is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import trigger
from services.cli.app import app
from shared.errors import ConfigurationFault

BASE = ["trigger", "purchase", "--to", "+12025550123", "--merchant", "acme"]


class Taken:
    """Stands for the running process."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def require(self, merchant: str) -> None:
        assert merchant == "acme"

    def post(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.sent.append((merchant, path, body))
        return {"accepted": 1}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    process = Taken()

    @contextmanager
    def opened(_settings: object) -> Iterator[Taken]:
        yield process

    monkeypatch.setattr(trigger, "open_client", opened)
    return process


def test_a_purchase_is_sent_as_a_shops_own_system_would(taken: Taken) -> None:
    more = ["--amount", "49.90", "--consent", "all", "--facts", '{"item": "Blue mug"}', "--subject", "order-7"]
    assert CliRunner().invoke(app, [*BASE, *more]).exit_code == 0
    [(merchant, path, body)] = taken.sent
    assert (merchant, path) == ("acme", "/v1/events")
    assert body["amount"] == {"minor": 4990, "currency": "USD"}
    assert body["facts"]["item"] == "Blue mug"
    assert body["subject"] == "order-7"
    assert body["test"] is False
    assert (body["consent"][0]["scope"], body["consent"][0]["event"]) == ("all", "granted")


def test_two_are_two_orders_and_none_records_a_consent_unless_asked(taken: Taken) -> None:
    for _ in range(2):
        CliRunner().invoke(app, BASE)
    first, second = (body for _, _, body in taken.sent)
    assert first["id"] != second["id"]
    assert first["subject"] != second["subject"]
    assert "consent" not in first


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--amount", "49.905"], "minor units of USD"),
        (["--amount", "1", "--currency", "JPYX", "--facts", "["], "not JSON"),
        (["--amount", "a lot"], "write an amount"),
        (["--facts", "[1]"], "must be a JSON object"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_words(taken: Taken, more: list[str], words: str) -> None:
    refused = CliRunner().invoke(app, [*BASE, *more])
    assert isinstance(refused.exception, ConfigurationFault)
    assert words in str(refused.exception)
    assert taken.sent == []
