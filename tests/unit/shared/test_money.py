import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import InexactAmount, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("49.00", "USD", 4900),
        ("0.1", "EUR", 10),
        ("1000", "JPY", 1000),
        ("1000.00", "JPY", 1000),
        ("12.345", "KWD", 12345),
        ("12.3450", "BHD", 12345),
        ("1.2345", "CLF", 12345),
        (10.1, "USD", 1010),
        ("-3.50", "USD", -350),
        ("90071992547409.93", "USD", 9_007_199_254_740_993),
    ],
)
def test_an_amount_becomes_exactly_its_minor_units(amount: str | float, currency: str, minor: int) -> None:
    assert minor_units(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.005", "USD"),
        ("10.50", "JPY"),
        ("1.2345", "KWD"),
        ("nan", "USD"),
        ("Infinity", "USD"),
        ("", "USD"),
        ("twelve", "USD"),
        ("1e400", "USD"),
    ],
)
def test_an_amount_that_would_have_to_be_rounded_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(InexactAmount):
        minor_units(amount, currency)


@given(st.integers(-(10**15), 10**15))
def test_cents_come_back_as_they_were_written(cents: int) -> None:
    sign, whole = "-" if cents < 0 else "", abs(cents)
    assert minor_units(f"{sign}{whole // 100}.{whole % 100:02}", "USD") == cents
