"""`followup users invite`, `invitations` and `withdraw`: a link on standard output alone, and what became of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

import services.cli.users
from services.cli.app import app

ID = "8a2d1f60-5f3c-4f0e-9a53-0d1f2c3b4a59"
LINK = "https://shop.example/console/join?code=secret"
KEPT = {"invitation_id": ID, "role": "support", "made_by": "user:anna", "ends_at": "2026-12-04T12:00:00Z"}


class Running:
    """A running process with one merchant."""

    kept: tuple[dict[str, Any], ...] = ()

    def require(self, merchant: str) -> None:
        assert merchant == "acme"

    def get(self, _merchant: str, _path: str) -> dict[str, Any]:
        return {"invitations": self.kept}

    def post(self, _merchant: str, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"link": LINK, "hours": 72, "invitation_id": ID, **body}

    def delete(self, _merchant: str, path: str) -> dict[str, Any]:
        assert path == f"/console/invitations/{ID}"
        return {"role": "support"}


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    process = Running()

    @contextmanager
    def opened(_settings: object) -> Iterator[Running]:
        yield process

    monkeypatch.setattr(services.cli.users, "open_client", opened)
    return process


def said(*arguments: str) -> str:
    return CliRunner().invoke(app, ["users", *arguments]).stdout


@pytest.mark.usefixtures("running")
def test_the_link_stands_alone_on_standard_output() -> None:
    assert said("invite", "acme", "--role", "support") == f"{LINK}\n"
    assert said("withdraw", "acme", ID) == "The invitation of a support is withdrawn.\n"


def test_each_is_listed_with_what_became_of_it(running: Running) -> None:
    assert "followup users invite acme" in said("invitations", "acme")
    running.kept = (
        {**KEPT, "state": "used", "used_by": "bo"},
        {**KEPT, "state": "inviter_gone", "used_by": ""},
    )
    used, gone = said("invitations", "acme").splitlines()
    assert f"{ID}  support, used by bo, by user:anna" in used
    assert "inviter gone" in gone
