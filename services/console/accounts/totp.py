"""Time-based codes of an authenticator app, and recovery codes for when it is lost (pure but for fresh secrets).

Source: RFC 6238 (SHA-1, six digits, steps of 30 s: what every authenticator app computes); a step earlier or later is
taken, as its section 5.2 recommends, and a code that was taken is taken no second time.
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Final

from pyotp.hotp import HOTP
from pyotp.totp import TOTP

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10
_DRIFT_STEPS: Final = 1
_CODE: Final = re.compile(r"[0-9]{6}")
_SECRET_BYTES: Final = 20
_RECOVERY_BYTES: Final = 10
"""80 random bits: no hash that is slow on purpose is needed to keep them from being guessed."""
_GROUP: Final = 4
_SPACES: Final = re.compile(r"[\s-]+")


def new_secret() -> str:
    """Return a fresh secret in Base32: 160 bits, as RFC 4226 section 4 recommends."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the step whose code was given; None where it is none of this moment, or not later than `last_step`.

    Args:
        secret: in Base32.
        code: as typed; spaces do not count.
        now: the present.
        last_step: the step of the code that was taken last, in steps since 1970.
    """
    given, present = plain(code), int(now.timestamp()) // STEP_SECONDS
    if not _CODE.fullmatch(given):
        return None
    codes = HOTP(secret)
    for step in range(present - _DRIFT_STEPS, present + _DRIFT_STEPS + 1):
        if step > last_step and hmac.compare_digest(codes.at(step), given):
            return step
    return None


def plain(code: str) -> str:
    """Return a code without the spaces and dashes that make it readable, in small letters."""
    return _SPACES.sub("", code).lower()


def address_of(secret: str, name: str, issuer: str) -> str:
    """Return the `otpauth:` address by which an authenticator app takes a secret over."""
    return TOTP(secret).provisioning_uri(name, issuer)


def in_groups(text: str, separator: str = " ") -> str:
    """Return text in groups of four characters, to be typed."""
    return separator.join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def new_recovery_codes() -> list[str]:
    """Return ten fresh codes, each good for one sign-in."""
    fresh = (base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES))
    return [in_groups(code, "-") for code in fresh]


def recovery_sha256(code: str) -> bytes:
    """Return what is stored of a recovery code."""
    return hashlib.sha256(plain(code).encode()).digest()
