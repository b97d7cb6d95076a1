"""Parts are counted as providers bill them."""

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from shared import parts
from shared.parts import Encoding, Parts

GSM7 = "".join(sorted(parts.GSM7_BASIC | parts.GSM7_EXTENSION))


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", Parts(Encoding.GSM7, 1, 0)),
        ("a" * 160, Parts(Encoding.GSM7, 1, 160)),
        ("a" * 161, Parts(Encoding.GSM7, 2, 161)),
        ("a" * 306, Parts(Encoding.GSM7, 2, 306)),
        ("a" * 307, Parts(Encoding.GSM7, 3, 307)),
        ("€" * 80, Parts(Encoding.GSM7, 1, 160)),
        ("€" * 81, Parts(Encoding.GSM7, 2, 162)),
        ("€" * 152, Parts(Encoding.GSM7, 2, 304)),
        ("€" * 153, Parts(Encoding.GSM7, 3, 306)),
        ("a" * 152 + "€" + "a" * 152, Parts(Encoding.GSM7, 3, 306)),
        ("é" * 160, Parts(Encoding.GSM7, 1, 160)),
        ("ç", Parts(Encoding.UCS2, 1, 1)),
        ("я" * 70, Parts(Encoding.UCS2, 1, 70)),
        ("я" * 71, Parts(Encoding.UCS2, 2, 71)),
        ("😀" * 35, Parts(Encoding.UCS2, 1, 70)),
        ("😀" * 36, Parts(Encoding.UCS2, 2, 72)),
        ("😀" * 67, Parts(Encoding.UCS2, 3, 134)),
        ("’", Parts(Encoding.UCS2, 1, 1)),
    ],
)
def test_a_text_weighs_what_the_standard_says(text: str, weight: Parts) -> None:
    assert parts.count(text) == weight


@given(
    st.one_of(
        st.text(alphabet=GSM7, min_size=1, max_size=700),
        st.text(alphabet=st.characters(exclude_characters="\x1b"), min_size=1, max_size=400),  # theirs lets ESC through
        st.text(alphabet="a€😀я", min_size=1, max_size=400),
    )
)
def test_parts_agree_with_an_independent_splitter(text: str) -> None:
    theirs = smsutil.split(text)
    ours = parts.count(text)

    assert ours.parts == len(theirs.parts)
    assert (ours.encoding is Encoding.GSM7) == (theirs.encoding == "gsm0338")
    assert ours.units * (1 if ours.encoding is Encoding.GSM7 else 2) == theirs.total_bytes


@given(st.text(max_size=400))
def test_a_part_is_never_fuller_than_it_can_be(text: str) -> None:
    ours = parts.count(text)

    assert (
        ours.units <= parts.UNITS_ALONE[ours.encoding]
        or ours.units <= ours.parts * parts.UNITS_CONCATENATED[ours.encoding]
    )
