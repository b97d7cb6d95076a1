"""Forms and queries: parsed as by the standard library, and never more fields than allowed."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.forms import fields

MOST = 100


@given(st.text(st.sampled_from("ab=&&+%%2BcCé3A9;#\0 \n"), max_size=60))
def test_fields_are_those_that_urllib_reads(text: str) -> None:
    assert fields(text, most=MOST) == dict(parse_qsl(text, keep_blank_values=True))


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=8))
def test_what_was_encoded_comes_back(form: dict[str, str]) -> None:
    sent = {name: value.encode(errors="replace").decode() for name, value in form.items() if name.isprintable()}
    assert fields(urlencode(sent), most=MOST) == sent


def test_of_fields_that_share_a_name_the_last_counts() -> None:
    assert fields("sig=first&sig=second&empty", most=MOST) == {"sig": "second", "empty": ""}


def test_more_fields_than_allowed_are_refused_before_any_is_read() -> None:
    assert len(fields("&".join(f"f{n}=%41" for n in range(MOST)), most=MOST)) == MOST
    with pytest.raises(ValueError, match="too many"):
        fields("&" * MOST, most=MOST)
