"""What `followup quarantine` and `followup sources` print and ask."""

from typing import Any, Self

import pytest
from typer.testing import CliRunner

from services.cli import quarantine
from services.cli.quarantine import line
from services.cli.sources import line as source_line

DELIVERY = {
    "delivery_id": "d-1",
    "source": "shopify",
    "topic": "orders/\x1b[31mcreate",
    "reason": "misshapen",
    "detail": "total_price",
    "received_at": "T",
}
SOURCE: dict[str, Any] = {
    "source": "shopify",
    "is_configured": True,
    "last_delivery_at": "T",
    "silent_since": None,
    "last_24h": {"accepted": 3, "refused": 0},
    "last_error": None,
    "quarantined": 0,
}
DAY = "  last 24 h: 3 accepted; 0 in quarantine"


class Client:
    """An application that has two pages of quarantine."""

    merchants = ("acme",)

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def require(self, merchant: str) -> None:
        assert merchant == "acme"

    def get(self, _merchant: str, _path: str) -> dict[str, Any]:
        return {"deliveries": [DELIVERY], "next_cursor": "c-1"}

    def post(self, _merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        if path.endswith("discard"):
            return {"delivery_ids": body["delivery_ids"]}
        outcomes = ["accepted", "quarantined"]
        following = "d-2" if body.get("everything") and "after" not in body else None
        return {"deliveries": [{"outcome": each} for each in outcomes], "next": following}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(quarantine, "open_client", lambda _settings: client)
    return client


def run(*args: str) -> Any:
    return CliRunner().invoke(quarantine.quarantine, [*args])


def test_a_delivery_is_which_and_why_and_draws_nothing() -> None:
    assert line("acme", DELIVERY) == "d-1  acme  shopify  T\n  misshapen: orders/ [31mcreate: total_price"


def test_the_list_needs_no_name_and_says_how_to_go_on(client: Client) -> None:
    said = run("acme").stdout
    assert "d-1  acme" in said
    assert "More: followup quarantine acme --cursor c-1" in said
    assert client.asked == []


def test_all_are_read_page_by_page(client: Client) -> None:
    assert run("redrive", "acme", "--all").stdout == "acme: 2 accepted; 2 still in quarantine\n"
    assert client.asked == [{"everything": True}, {"everything": True, "after": "d-2"}]


def test_named_ones_are_read_a_hundred_at_a_time(client: Client) -> None:
    run("redrive", "acme", *(f"d-{n}" for n in range(150)))
    assert [len(body["delivery_ids"]) for body in client.asked] == [100, 50]


def test_neither_none_nor_both_may_be_named(client: Client) -> None:
    for args in (["redrive", "acme"], ["redrive", "acme", "d-1", "--all"], ["discard", "acme", "d-1"]):
        assert run(*args).exit_code != 0
    assert client.asked == []


def test_a_discard_says_how_many_there_were(client: Client) -> None:
    assert run("discard", "acme", "d-1", "d-2", "--why", "tests").stdout == "acme: 2 discarded\n"
    assert client.asked == [{"delivery_ids": ["d-1", "d-2"], "reason": "tests"}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"acme  shopify  last delivery T\n{DAY}"),
        (
            {"silent_since": "T", "is_configured": False},
            f"acme  shopify  last delivery T  (not in the merchant's file; silent since then)\n{DAY}",
        ),
        (
            {"last_delivery_at": None, "last_error": {"at": "T2", "what": "signature"}, "quarantined": 4},
            "acme  shopify  no delivery yet\n  last 24 h: 3 accepted; 4 in quarantine\n  last error T2: signature",
        ),
    ],
)
def test_a_source_is_when_what_and_what_went_wrong(changes: dict[str, Any], said: str) -> None:
    assert source_line("acme", {**SOURCE, **changes}) == said
