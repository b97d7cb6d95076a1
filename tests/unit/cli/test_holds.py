"""`followup holds`: one line per merchant, and the end of a hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

import services.cli.holds
from services.cli.app import app
from shared.errors import ConfigurationFault

TOLD: dict[str, Any] = {
    "neighbouring_numbers": {"held_since": None, "of_the_last": 7, "most": 20},
    "new_people": {"this_hour": 7, "per_hour": 2000},
    "spend": {"currency": "USD", "today": "12.500000", "per_day": "500", "hard_per_day": "1000"},
}
HELD = TOLD | {"neighbouring_numbers": {"held_since": "2026-12-01T17:00:00Z", "of_the_last": 20, "most": 20}}


class Running:
    """A running process with two merchants, one of them held."""

    merchants = ("acme", "beta")

    def __init__(self) -> None:
        self.posted: list[tuple[str, str]] = []

    def require(self, merchant: str) -> None:
        if merchant not in self.merchants:
            raise ConfigurationFault(f"there is no merchant {merchant}")

    def get(self, merchant: str, _path: str) -> dict[str, Any]:
        return HELD if merchant == "beta" else TOLD

    def post(self, merchant: str, path: str, _body: dict[str, Any]) -> dict[str, Any]:
        self.posted.append((merchant, path))
        return {"held_since": "2026-12-01T17:00:00Z"}


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    process = Running()

    @contextmanager
    def opened(_settings: object) -> Iterator[Running]:
        yield process

    monkeypatch.setattr(services.cli.holds, "open_client", opened)
    return process


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["holds", *arguments])
    return result.output if result.exception is None else str(getattr(result.exception, "detail", result.exception))


def test_every_merchant_has_its_line(running: Running) -> None:
    acme, beta = said().splitlines()
    assert acme == (
        "acme: not held; 7 of 2000 new people this hour; 12.500000 of 500 USD spent today (hard limit 1000)"
    )
    assert beta.startswith("beta: HELD since 2026-12-01T17:00:00Z for neighbouring numbers; ")
    assert said("--merchant", "beta") == f"{beta}\n"
    assert running.posted == []


def test_a_hold_ends_for_the_merchant_that_is_named(running: Running) -> None:
    assert "needs the merchant" in said("--release")
    assert "no merchant gamma" in said("--merchant", "gamma", "--release")
    assert running.posted == []
    assert "are sent again; they were held since 2026-12-01T17:00:00Z" in said("--merchant", "beta", "--release")
    assert running.posted == [("beta", "/v1/holds/release")]
