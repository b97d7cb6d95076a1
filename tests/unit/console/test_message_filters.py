"""What the list of messages is narrowed down to, from what was typed."""

from zoneinfo import ZoneInfo

import pytest

from services.console.message_filters import MessageListFilter

NEW_YORK = ZoneInfo("America/New_York")


def test_days_are_of_the_shops_calendar_and_the_last_one_is_included() -> None:
    chosen = MessageListFilter.of(since="2026-11-01", until="2026-11-01", flow=" win-back ")
    assert chosen.problems() == {}
    assert dict(chosen.query(NEW_YORK, limit=50)) == {
        "flow": "win-back",
        "from": "2026-11-01T04:00:00+00:00",  # clocks change on this day
        "to": "2026-11-02T05:00:00+00:00",
        "limit": "50",
    }


def test_the_address_says_what_was_chosen_and_nothing_else() -> None:
    assert MessageListFilter().address == ""
    assert MessageListFilter().is_empty
    chosen = MessageListFilter.of(state="blocked", reason="", since="2026-11-01")
    assert chosen.address == "state=blocked&from=2026-11-01"
    assert not chosen.is_empty


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ({"since": "yesterday"}, {"from"}),
        ({"until": "9999-12-31"}, {"to"}),
        ({"until": "0001-01-01"}, {"to"}),
        ({"since": "2026-11-02", "until": "2026-11-01"}, {"to"}),
        ({"person": "+12125550123"}, {"person"}),
    ],
)
def test_what_cannot_be_is_named_beside_its_field(typed: dict[str, str], fields: set[str]) -> None:
    assert set(MessageListFilter.of(**typed).problems()) == fields


def test_a_huge_value_is_cut() -> None:
    assert len(MessageListFilter.of(flow="x" * 10_000).flow) == 200
