"""What `followup parked` asks of which service, for whom, and what it prints."""

from typing import Any, Self

import pytest
from typer.testing import CliRunner

from services.cli import parked
from services.cli.parked import line

EVENT: dict[str, Any] = {
    "id": 12,
    "type": "trigger.received",
    "recipient_id": "r-1",
    "parked_at": "T",
    "reason": "merchant acme is not in the merchants folder",
    "attempts": 0,
}


class Client:
    """An application with a merchant, in which the scheduler has two pages of parked events."""

    merchants = ("acme",)

    def __init__(self, *, is_operator: bool) -> None:
        self.is_operator = is_operator
        self.posted: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def require(self, merchant: str) -> None:
        assert merchant == "acme"

    def get(self, _merchant: str, path: str) -> dict[str, Any]:
        is_there = path == "/v1/parked/scheduler"
        return {"parked": [EVENT] if is_there else [], "count": 3 if is_there else 0}

    def post(self, _merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.posted.append((path, body))
        if path.endswith("discard"):
            return {"ids": body["ids"]}
        is_first = "scheduler" in path and "after" not in body and "of_no_merchant" not in body
        return {
            "events": [{"outcome": each} for each in ("processed", "failed", "behind")] if is_first else [],
            "next": 12 if is_first else None,
        }


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client(is_operator=True)
    monkeypatch.setattr(parked, "open_client", lambda _settings: client)
    return client


def run(*args: str) -> Any:
    return CliRunner().invoke(parked.parked, [*args])


@pytest.mark.parametrize(("attempts", "said"), [(0, "  since T: merchant"), (2, "  since T, failed again 2 times: m")])
def test_an_event_is_which_since_when_and_why(attempts: int, said: str) -> None:
    shown = line("acme", "scheduler", {**EVENT, "attempts": attempts})
    assert shown.startswith("12  scheduler  acme  trigger.received  recipient r-1\n")
    assert said in shown


def test_the_list_needs_no_name_and_says_how_many_more_there_are(client: Client) -> None:
    said = run().stdout
    assert "12  scheduler  acme" in said
    assert "and 2 more of acme at scheduler" in said
    assert "Nothing is parked." in run("acme", "--service", "metrics").stdout
    assert client.posted == []


def test_the_operator_has_everybodys_and_nobodys_handled_page_by_page(client: Client) -> None:
    assert run("redrive", "--service", "scheduler").stdout == "scheduler: 1 processed, 2 still parked\n"
    path = "/v1/parked/scheduler/redrive"
    assert client.posted == [
        (path, {"everything": True}),
        (path, {"everything": True, "after": 12}),
        (path, {"everything": True, "of_no_merchant": True}),
    ]


def test_a_key_has_its_own_handled_and_one_recipient_can_be_named(client: Client) -> None:
    client.is_operator = False
    run("redrive", "--service", "metrics", "--recipient", "r-1")
    assert client.posted == [("/v1/parked/metrics/redrive", {"recipient_id": "r-1"})]


def test_a_discard_names_its_service_and_says_how_to_go_on(client: Client) -> None:
    said = run("discard", "acme", "12", "13", "--service", "metrics", "--why", "of a version that was taken back")
    assert said.stdout.startswith("metrics: 2 discarded; what waited behind them goes on with: followup parked redrive")
    assert client.posted[0][1] == {"ids": [12, 13], "reason": "of a version that was taken back"}
    assert run("discard", "acme", "12", "--why", "x").exit_code == 2
