from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.texts import new_sid, parts_of


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ł" * 70, 1),
        ("ł" * 71, 2),
        ("👋" * 35, 1),
        ("👋" * 36, 2),
    ],
)
def test_parts_are_counted_as_the_network_counts_them(body: str, parts: int) -> None:
    assert parts_of(body) == parts


@given(st.text(max_size=400), st.text(max_size=50))
def test_more_text_never_takes_fewer_parts(body: str, more: str) -> None:
    assert parts_of(body + more) >= parts_of(body)


def test_message_sids_have_twilio_s_shape_and_rise_with_time() -> None:
    earlier = new_sid(datetime(2026, 12, 1, tzinfo=UTC))
    later = new_sid(datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))
    assert earlier < later
    assert len(later) == 34
    assert later.startswith("SM")
    assert set(later[2:]) <= set("0123456789abcdef")
