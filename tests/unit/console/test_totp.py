"""Codes of authenticator apps: those of RFC 6238, a step around the present, each once."""

from datetime import UTC, datetime

import pytest

from services.console.accounts import totp

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # 12345678901234567890, as RFC 6238 appendix B
STEP = 37037036
NOW = datetime.fromtimestamp(1111111109, UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert totp.step_of(SECRET, code, datetime.fromtimestamp(seconds, UTC), -1) == seconds // 30


def test_a_code_is_taken_with_spaces_and_never_by_its_look_alikes() -> None:
    assert totp.step_of(SECRET, " 081 804 ", NOW, -1) == STEP
    for code in ("", "81804", "0818041", "٠٨١٨٠٤", "08180x", "-81804", "0x1804"):
        assert totp.step_of(SECRET, code, NOW, -1) is None


def test_a_clock_may_be_a_step_off_and_not_two() -> None:
    shifts = (-60, -30, 0, 30, 60)
    found = [totp.step_of(SECRET, "081804", datetime.fromtimestamp(STEP * 30 + shift, UTC), -1) for shift in shifts]
    assert found == [None, STEP, STEP, STEP, None]


def test_a_code_that_was_taken_and_every_earlier_one_is_taken_no_more() -> None:
    assert totp.step_of(SECRET, "081804", NOW, STEP - 1) == STEP
    assert totp.step_of(SECRET, "081804", NOW, STEP) is None
    assert totp.step_of(SECRET, "081804", NOW, STEP + 1) is None


def test_a_secret_has_160_bits_and_its_address_names_the_shop() -> None:
    secret = totp.new_secret()
    assert (len(secret), totp.in_groups("ABCDEFGHIJ")) == (32, "ABCD EFGH IJ")
    address = totp.address_of(secret, "anna@acme.example", 'Acme & "Co": <b>')
    assert address.startswith("otpauth://totp/Acme%20%26%20%22Co%22%3A%20%3Cb%3E:anna%40acme.example?secret=")


def test_recovery_codes_are_ten_different_ones_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES == 10
    assert all(len(code) == 19 for code in codes)
    typed = f" {codes[0].upper().replace('-', ' ')} "
    assert totp.recovery_sha256(typed) == totp.recovery_sha256(codes[0])
