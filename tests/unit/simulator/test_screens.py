from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.simulator.screens import bubbles, linked, readable
from services.simulator.texts import Direction, SimulatedText, TextStatus

START = datetime(2026, 12, 1, 12, tzinfo=UTC)


def text(body: str = "Hello", *, minutes: int = 0, direction: Direction = Direction.OUTBOUND_API) -> SimulatedText:
    at = START + timedelta(minutes=minutes)
    return SimulatedText(
        sid="SM1",
        account_sid="AC1",
        direction=direction,
        sender="+12025550100" if direction is not Direction.INBOUND else "+12025550123",
        recipient="+12025550123" if direction is not Direction.INBOUND else "+12025550100",
        body=body,
        created_at=at,
        updated_at=at,
        status=TextStatus.DELIVERED,
    )


def test_links_end_before_the_punctuation_of_the_sentence() -> None:
    assert linked("Go to https://a.example/x?y=1, now.") == (
        'Go to <a href="https://a.example/x?y=1" rel="noreferrer" target="_blank">https://a.example/x?y=1</a>, now.'
    )


def test_a_short_link_without_a_scheme_is_tappable_and_a_mail_address_is_not() -> None:
    assert '<a href="https://acme.example/r/7" ' in linked("see acme.example/r/7!")
    assert "<a" not in linked("write to me@acme.example/x")


@given(st.text())
def test_no_text_brings_markup_of_its_own(body: str) -> None:
    without_links = linked(body.replace("http", "").replace("/", "")).replace("&lt;", "").replace("&gt;", "")
    assert "<" not in without_links
    assert ">" not in without_links


def test_neighbours_from_one_side_form_a_group_and_a_new_day_parts_them() -> None:
    shown = bubbles(
        [
            text(minutes=0),
            text(minutes=1),
            text(minutes=2, direction=Direction.INBOUND),
            text(minutes=3),
            text(minutes=24 * 60),
        ],
    )
    assert [bubble.is_first_of_group for bubble in shown] == [True, False, True, True, True]
    assert [bubble.is_last_of_group for bubble in shown] == [False, True, True, True, True]
    assert [bubble.new_day is not None for bubble in shown] == [True, False, False, False, True]
    assert [bubble.is_mine for bubble in shown] == [False, False, True, False, False]


def test_numbers_are_shown_as_people_write_them() -> None:
    assert readable("+12025550123") == "+1 (202) 555-0123"
    assert readable("+447700900123") == "+447700900123"
