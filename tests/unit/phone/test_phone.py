"""Phone numbers become canonical, or say why not."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import phone
from shared.phone import E164, Unparsable


@pytest.mark.parametrize(
    ("raw", "region", "canonical"),
    [
        ("+12125550123", None, "+12125550123"),
        ("+1 (212) 555-0123", None, "+12125550123"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("(212) 555-0123", "us", "+12125550123"),
        ("12125550123", "US", "+12125550123"),
        ("+16845550123", None, "+16845550123"),
        ("07911 123456", "GB", "+447911123456"),
        ("00447911123456", "GB", "+447911123456"),
        ("+44 7911 123456", "US", "+447911123456"),
        ("tel:+1-212-555-0123", None, "+12125550123"),
        ("  +49 1512 3456789 ", None, "+4915123456789"),
        ("+39 06 1234567", None, "+39061234567"),
        ("＋12125550123", None, "+12125550123"),
    ],
)
def test_a_number_a_person_wrote_becomes_canonical(raw: str, region: str | None, canonical: str) -> None:
    assert phone.parse(raw, region) == canonical


@pytest.mark.parametrize(
    ("raw", "region", "hint"),
    [
        ("2125550123", None, "no +"),
        ("2125550123", "", "no +"),
        ("", "US", "not a phone number"),
        ("call me", "US", "not a phone number"),
        ("5550123", "US", "area code"),
        ("+11234567890", None, "starts with 0 or 1"),
        ("+10234567890", None, "starts with 0 or 1"),
        ("+12120550123", None, "starts with 0 or 1"),
        ("+12121550123", None, "starts with 0 or 1"),
        ("+999123456", None, "calling code"),
        ("+1212555", None, "too few"),
        ("+121255501234", None, "too many"),
        ("+1 212 555 0123 ext 5", None, "extension"),
        ("2125550123", "XX", "calling code"),
        ("1" * 400, "US", "too many"),
    ],
)
def test_a_number_nobody_could_be_reached_at_says_why(raw: str, region: str | None, hint: str) -> None:
    refused = phone.parse(raw, region)

    assert isinstance(refused, Unparsable)
    assert hint in refused.reason


def test_a_refusal_never_repeats_the_number() -> None:
    refused = phone.parse("+12120550123", None)

    assert isinstance(refused, Unparsable)
    assert "550123" not in refused.reason


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+12125550123", "+1212•••0123"), ("+447911123456", "+4479•••3456"), ("+2901234", "+29•••34")],
)
def test_masking_keeps_the_ends_only(number: str, shown: str) -> None:
    assert phone.masked(E164(number)) == shown


@given(st.from_regex(r"\A\+[1-9][0-9]{2,14}\Z"))
def test_masking_always_hides_at_least_three_digits(number: str) -> None:
    shown = phone.masked(E164(number))

    assert len(shown.replace("•", "")) <= len(number) - 3
    assert "•••" in shown


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12125550123", None),
        ("+16135550123", None),
        ("+4915123456789", "DE"),
        ("+447700900123", "GB"),
        ("+447781123456", "GG"),
        ("+33612345678", "FR"),
        ("+77011234567", "KZ"),
        ("+79161234567", "RU"),
        ("+80012345678", None),
        ("not a number", None),
    ],
)
def test_the_country_is_told_by_the_prefix_and_never_guessed_for_plus_one(number: str, country: str | None) -> None:
    assert phone.country_of(E164(number)) == country


@given(st.text(max_size=40), st.sampled_from([None, "US", "GB", "DE", "ZZ", "??"]))
def test_any_text_is_a_number_or_a_reason(raw: str, region: str | None) -> None:
    number = phone.parse(raw, region)

    if not isinstance(number, Unparsable):
        assert phone.parse(number, None) == number
        assert phone.is_possible(number)


@given(st.from_regex(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True), st.sampled_from([None, "US", "CA", "GB", "MX"]))
def test_what_is_canonical_in_north_america_is_what_the_library_says_it_is(raw: str, region: str | None) -> None:
    number = phonenumbers.parse(raw, region)
    assert phonenumbers.is_possible_number(number)
    assert phone.parse(raw, region) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == raw
