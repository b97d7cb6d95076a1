"""Phone numbers become canonical, or say why not."""

import json
import re
from pathlib import Path

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
def test_a_number_that_cannot_be_reached_says_why(raw: str, region: str | None, hint: str) -> None:
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
def test_the_country_follows_from_the_prefix_and_is_never_guessed_for_plus_one(
    number: str, country: str | None
) -> None:
    assert phone.country_of(E164(number)) == country


@given(st.text(max_size=40), st.sampled_from([None, "US", "GB", "DE", "ZZ", "??"]))
def test_any_text_is_a_number_or_a_reason(raw: str, region: str | None) -> None:
    number = phone.parse(raw, region)

    if not isinstance(number, Unparsable):
        assert phone.parse(number, None) == number
        assert phone.is_possible(number)


@given(st.from_regex(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True), st.sampled_from([None, "US", "CA", "GB", "MX"]))
def test_what_is_canonical_in_north_america_is_what_the_library_says_it_is(raw: str, region: str | None) -> None:
    if re.match(r"\+1(555|.11|.9|37|96)", raw):
        assert isinstance(phone.parse(raw, region), Unparsable)
        return
    number = phonenumbers.parse(raw, region)
    assert phonenumbers.is_possible_number(number)
    assert phone.parse(raw, region) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == raw


CASES = [
    json.loads(line) for line in (Path(__file__).parents[2] / "cases" / "phone.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['raw']} in {case['country']}")
def test_no_spelling_makes_a_number_another_persons(case: dict[str, str | None]) -> None:
    read = phone.parse(str(case["raw"]), case["country"])

    assert (None if isinstance(read, Unparsable) else read) == case["number"]


@pytest.mark.parametrize(
    "spellings",
    [
        ("+525512345678", "+5215512345678", "+52 1 55 1234 5678", "+52 044 55 1234 5678", "+52 01 55 1234 5678"),
        ("+5491123456789", "+541123456789", "+54 9 11 2345-6789", "+54 (11) 2345 6789"),
        ("+5493414567890", "+543414567890"),
        ("+5511987654321", "+551187654321", "+55 (11) 8765-4321", "+55 11 98765-4321"),
    ],
)
def test_one_person_has_one_number_however_their_country_spells_it(spellings: tuple[str, ...]) -> None:
    assert {phone.parse(each, None) for each in spellings} == {spellings[0]}
    assert phone.former_spellings(E164(spellings[0])) == (E164(spellings[1]),)


@pytest.mark.parametrize("number", ["+551132345678", "+12125550123", "+525512345678"])
def test_numbers_with_one_spelling_keep_it(number: str) -> None:
    assert phone.parse(number, None) == number


@pytest.mark.parametrize(
    "raw",
    ["\u202a+1 (212) 555-0123\u202c", "+1\u200b2125550123", "+1\xa0212\xa0555\xa00123", "+１２１２５５５０１２３"],
)
def test_what_shows_nothing_is_no_part_of_a_number(raw: str) -> None:
    assert phone.parse(raw, None) == "+12125550123"


@pytest.mark.parametrize(
    "raw",
    ["0151 12345678, 0170 1234567", "0151 12345678 / 0170 1234567", "+49 151 12345678 +49 170 1234567", "1|2"],
)
def test_two_numbers_are_refused_and_never_joined(raw: str) -> None:
    assert isinstance(phone.parse(raw, "DE"), Unparsable)


@pytest.mark.parametrize(
    "number",
    ["+447700900123", "+442079460958", "+33639981234", "+61491570006", "+12125550123", "+46701740605"],
)
def test_numbers_kept_for_tests_can_be_used(number: str) -> None:
    assert phone.parse(number, None) == number


def test_whoever_writes_from_a_number_has_it() -> None:
    assert phone.parse_sender("+9175550123", "US") == "+9175550123"
    assert phone.parse_sender("+5215512345678", "US") == "+525512345678"
    assert isinstance(phone.parse_sender("AMAZON", "US"), Unparsable)
    assert isinstance(phone.parse_sender("72345", "US"), Unparsable)
