"""What `followup inbox` prints of conversations and of what stands in them."""

from typing import Any, Self

import pytest
from typer.testing import CliRunner

from services.cli import inbox
from services.cli.inbox import item_line, line, permission

TALK: dict[str, Any] = {
    "recipient_id": "r-1",
    "to": "+12125550123",
    "state": "unread",
    "unread": 2,
    "newest_at": "2026-12-01T17:00:00Z",
    "newest_text": "Do you have it in blue?",
    "assigned_to": None,
}
REPLY: dict[str, Any] = {
    "kind": "reply",
    "at": "T",
    "text": "hi",
    "reply_class": "other",
    "needs_review": False,
    "review": None,
}
FREE = {
    "suppressed": None,
    "marketing_suppressed": False,
    "informational_suppressed": False,
    "needs_review": False,
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "r-1  acme  +12125550123  unread, 2 unread\n  2026-12-01T17:00:00Z  Do you have it in blue?"),
        (
            {"state": "closed", "unread": 0, "to": None, "newest_text": None, "assigned_to": "maria"},
            "r-1  acme  number no longer kept  closed, handled by maria\n  2026-12-01T17:00:00Z  (no longer kept)",
        ),
    ],
)
def test_a_conversation_is_whose_it_is_and_what_they_wrote_last(changes: dict[str, Any], said: str) -> None:
    assert line("acme", {**TALK, **changes}) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "  T  < hi"),
        ({"needs_review": True}, "  T  < hi  (needs a decision)"),
        ({"reply_class": "opt_out"}, "  T  < hi  (opt_out)"),
        ({"review": {"was_opt_out": False, "by": "support"}}, "  T  < hi  (no opt-out, says support)"),
        ({"review": {"was_opt_out": True, "by": "support"}}, "  T  < hi  (an opt-out, says support)"),
        ({"text": "red\x1b[31m\nText\u202e"}, "  T  < red [31m Text "),
        ({"kind": "text", "flow": "cart", "state": "delivered"}, "  T  > hi  (cart, delivered)"),
    ],
)
def test_what_people_wrote_is_one_line_that_cannot_draw_on_the_terminal(changes: dict[str, Any], said: str) -> None:
    assert item_line({**REPLY, **changes}) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "They may be written to."),
        ({"suppressed": "opt_out", "needs_review": True}, "Nothing is sent to them: opt_out."),
        ({"marketing_suppressed": True}, "They get no marketing."),
        ({"marketing_suppressed": True, "informational_suppressed": True}, "They get no marketing and no information."),
        ({"needs_review": True}, "Marketing is held until somebody decides: followup inbox review."),
    ],
)
def test_what_may_not_be_sent_is_said_in_words(changes: dict[str, Any], said: str) -> None:
    assert permission({**FREE, **changes}).strip() == said


class Client:
    """Answers as an application that has one conversation, of the merchant `beta`."""

    merchants = ("acme", "beta")

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def require(self, merchant: str) -> None:
        assert merchant in self.merchants

    def get(self, merchant: str, path: str) -> dict[str, Any] | None:
        self.asked.append((merchant, path))
        talk = {**TALK, "newest_reply_id": "reply-9"}
        if "?state" in path:
            return {"conversations": [talk] if merchant == "beta" else [], "next_cursor": None}
        if merchant != "beta" or not path.startswith("/v1/conversations/r-1"):
            return None
        return {"conversation": talk, "permission": FREE, "items": [REPLY], "next_cursor": None}

    def post(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((merchant, path, body))
        return {**TALK, "state": "read", "follow_up_id": "f-1"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(inbox, "open_client", lambda _settings: made)
    return made


def run(*arguments: str, typed: str = "") -> str:
    found = CliRunner().invoke(inbox.inbox, arguments, input=typed)
    assert found.exit_code == 0, found.output
    return found.output


def test_a_merchants_name_or_nothing_lists_the_inbox(client: Client) -> None:
    assert "Nobody waits here." in run("acme")
    assert "Do you have it in blue?" in run()
    assert "Do you have it in blue?" in run("beta", "--state", "all")
    assert client.asked == [
        ("acme", "/v1/conversations?state=open"),
        ("acme", "/v1/conversations?state=open"),
        ("beta", "/v1/conversations?state=open"),
        ("beta", "/v1/conversations?state=all"),
    ]


def test_show_finds_whichever_merchant_has_the_conversation(client: Client) -> None:
    assert "< hi" in run("show", "r-1")
    assert [asked[0] for asked in client.asked] == ["acme", "beta"]


@pytest.mark.parametrize(
    ("options", "typed", "was_opt_out"),
    [(("--opt-out",), "", True), (("--no-opt-out",), "", False), ((), "y\n", True), ((), "n\n", False)],
)
def test_a_review_is_about_the_newest_reply_that_was_shown(
    client: Client, options: tuple[str, ...], typed: str, *, was_opt_out: bool
) -> None:
    run("review", "r-1", *options, "--why", "the magazine", typed=typed)
    body = {"was_opt_out": was_opt_out, "seen": "reply-9", "reason": "the magazine"}
    assert client.asked[-1] == ("beta", "/v1/conversations/r-1/review", body)


def test_an_answer_is_addressed_by_the_person_and_says_where_to_look(client: Client) -> None:
    assert "followup explain f-1" in run("answer", "r-1", "Yes, it is back.")
    body = {"recipient_id": "r-1", "purpose": "conversation", "text": "Yes, it is back."}
    assert client.asked[-1] == ("beta", "/v1/follow-ups", body)


def test_a_list_of_what_somebody_handles_is_one_even_where_the_name_is_odd(client: Client) -> None:
    run("beta", "--who", "maria & co")
    assert client.asked[-1] == ("beta", "/v1/conversations?state=open&assigned_to=maria%20%26%20co")


@pytest.mark.parametrize(("verb", "body"), [("read", {}), ("close", {}), ("assign", {"who": "maria"})])
def test_a_change_shows_the_conversation_after_it(client: Client, verb: str, body: dict[str, Any]) -> None:
    assert "read" in run(verb, "r-1", *body.values())
    assert client.asked[-1] == ("beta", f"/v1/conversations/r-1/{verb}", body)
