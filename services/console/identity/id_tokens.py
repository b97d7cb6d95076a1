"""What an ID token proves, and to whom (pure).

Signed by a key of the provider, RS256 or ES256 and nothing else, for this console and this one sign-in, now. An
algorithm is taken only with a key of its own kind: a public key is never the secret of an HMAC. Addresses of keys
inside a token are not read.

Source: OpenID Connect Core 1.0, sections 2 and 3.1.3.7; RFC 7519; RFC 8725 (best practice for JWTs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import jwt

SKEW_SECONDS: Final = 60
"""By how much the provider's clock and ours may differ."""
OLDEST_SECONDS: Final = 600
"""An ID token is used at once after it was made; an older one was kept by somebody."""
LONGEST_TOKEN: Final = 16_384
LONGEST_SUBJECT: Final = 255
"""Characters; OpenID Connect Core 1.0, section 2 (`sub`)."""
_KEY_KINDS: Final = {"RS256": "RSA", "ES256": "EC"}
_RSA_BITS: Final = (2_048, 8_192)
_MOST_KEYS: Final = 64
_LAST_INSTANT: Final = 2**40


class TokenProblem(StrEnum):
    """Why an ID token proves nothing."""

    MALFORMED = "malformed"
    WRONG_ALGORITHM = "wrong_algorithm"
    UNKNOWN_KEY = "unknown_key"
    """Signed by a key that the provider does not publish, or not yet where we looked."""
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    """Made for another client."""
    WRONG_NONCE = "wrong_nonce"
    """Made for another sign-in."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at the provider; the two together, and nothing else, are an account."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str


def identity_in(
    token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, now: datetime
) -> Identity | TokenProblem:
    """Return whom an ID token names.

    Args:
        token: as the provider answered it.
        keys: the provider's public keys (JWK), as it publishes them.
        expected: whose token, for whom, and of which sign-in.
        now: an instant.
    """
    if len(token) > LONGEST_TOKEN:
        return TokenProblem.MALFORMED
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        return TokenProblem.MALFORMED
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _KEY_KINDS or "crit" in header:
        return TokenProblem.WRONG_ALGORITHM
    key = _key_of(keys, algorithm, header.get("kid"))
    if key is None:
        return TokenProblem.UNKNOWN_KEY
    try:
        claims = jwt.decode(token, key=key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
    except jwt.InvalidSignatureError:
        return TokenProblem.WRONG_SIGNATURE
    except jwt.InvalidTokenError:
        return TokenProblem.MALFORMED
    return _identity_of(claims, expected, now.timestamp())


_SIGNATURE_ALONE: Final[Any] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""The claims are compared below, with the clock that is given."""


def _key_of(keys: Sequence[Mapping[str, Any]], algorithm: str, key_id: object) -> jwt.PyJWK | None:
    """Return the one key that this token can be signed with; without an id, only where there is no choice."""
    fitting = [each for each in keys[:_MOST_KEYS] if _fits(each, algorithm)]
    if key_id is not None:
        fitting = [each for each in fitting if each.get("kid") == key_id]
    if len(fitting) != 1:
        return None
    try:
        key = jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    size = getattr(key.key, "key_size", 0)
    if algorithm == "RS256" and not _RSA_BITS[0] <= size <= _RSA_BITS[1]:
        return None
    return key


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Return whether a key signs tokens by an algorithm."""
    is_kind = key.get("kty") == _KEY_KINDS[algorithm] and (algorithm != "ES256" or key.get("crv") == "P-256")
    return is_kind and key.get("use") in {None, "sig"} and key.get("alg") in {None, algorithm} and "d" not in key


def _identity_of(claims: Mapping[str, Any], expected: Expected, now: float) -> Identity | TokenProblem:
    """Return whom claims name whose signature is right."""
    subject, nonce = claims.get("sub"), claims.get("nonce")
    expires, issued, begins = _instant(claims, "exp"), _instant(claims, "iat"), _instant(claims, "nbf", otherwise=0.0)
    if not isinstance(subject, str) or not _is_subject(subject):
        return TokenProblem.MALFORMED
    if expires is None or issued is None or begins is None:
        return TokenProblem.MALFORMED
    if claims.get("iss") != expected.issuer:
        return TokenProblem.WRONG_ISSUER
    if not _is_for(expected.client_id, claims):
        return TokenProblem.WRONG_AUDIENCE
    if nonce != expected.nonce:
        return TokenProblem.WRONG_NONCE
    if now >= min(expires, issued + OLDEST_SECONDS) + SKEW_SECONDS:
        return TokenProblem.EXPIRED
    if now < max(issued, begins) - SKEW_SECONDS:
        return TokenProblem.NOT_YET_VALID
    return Identity(expected.issuer, subject)


def _is_for(client_id: str, claims: Mapping[str, Any]) -> bool:
    """Return whether a token was made for this client; of one for several, it is the one that it was given to."""
    given, party = claims.get("aud"), claims.get("azp")
    audiences = [given] if isinstance(given, str) else given
    if not isinstance(audiences, list) or client_id not in audiences:
        return False
    return party == client_id if party is not None or len(audiences) > 1 else True


def _is_subject(subject: str) -> bool:
    return 0 < len(subject) <= LONGEST_SUBJECT and subject.isascii() and subject.isprintable()


def _instant(claims: Mapping[str, Any], name: str, otherwise: float | None = None) -> float | None:
    """Return a claim that is seconds since 1970; None where it is anything else."""
    value = claims.get(name, otherwise)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None and 0 <= value < _LAST_INSTANT else None
