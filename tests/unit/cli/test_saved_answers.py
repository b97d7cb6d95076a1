"""`followup inbox saved`: lists, keeps and removes answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

import services.cli.saved_answers
from services.cli.app import app
from shared.errors import ConfigurationFault


class Running:
    """A running process whose one shop keeps answers."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def require(self, merchant: str) -> None:
        if merchant != "acme":
            raise ConfigurationFault(f"there is no merchant {merchant}")

    def get(self, _merchant: str, _path: str) -> dict[str, Any]:
        return {"answers": [{"answer_id": each, "title": each, "text": text} for each, text in self.kept.items()]}

    def post(self, _merchant: str, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.kept[body["title"]] = body["text"]
        return {}

    def delete(self, _merchant: str, path: str) -> dict[str, Any]:
        del self.kept[path.rsplit("/", 1)[-1]]
        return {}


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    process = Running()

    @contextmanager
    def opened(_settings: object) -> Iterator[Running]:
        yield process

    monkeypatch.setattr(services.cli.saved_answers, "open_client", opened)
    return process


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["inbox", "saved", *arguments])
    return result.output if result.exception is None else str(getattr(result.exception, "detail", result.exception))


def test_an_answer_is_kept_listed_and_removed_by_its_title() -> None:
    assert "Nothing is kept yet" in said("acme")
    assert said("keep", "acme", "Hours", "We open\x1b[31m at 9.").startswith("Kept")
    assert said("acme") == "Hours: We open [31m at 9.\n"
    assert "keeps no answer 'Prices'" in said("remove", "acme", "Prices")
    assert said("remove", "acme", "HOURS") == "Removed.\n"
    assert "there is no merchant beta" in said("beta")
