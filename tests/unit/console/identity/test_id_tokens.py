"""An ID token proves one person to one client in one sign-in, now; everything else proves nothing."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.console.identity.id_tokens import Expected, Identity, TokenProblem, identity_in
from shared.testing.clock import FakeClock
from tests.identity_provider import key, public_jwk

NOW = FakeClock().now()
AT = int(NOW.timestamp())
EXPECTED = Expected("https://id.example", "followup", "the nonce")
KEYS = [public_jwk("rsa-1"), public_jwk("ec-1")]
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "followup",
    "sub": "248289761001",
    "iat": AT,
    "exp": AT + 300,
    "nonce": "the nonce",
}
ANA = Identity("https://id.example", "248289761001")


def signed(name: str = "rsa-1", header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {claim: value for claim, value in (CLAIMS | changes).items() if value is not None}
    algorithm = "RS256" if name.startswith("rsa") else "ES256"
    given: Any = key(name)
    return jwt.encode(claims, given, algorithm, {"kid": name} | (header or {}))


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [orjson.dumps(header), orjson.dumps(claims), signature]
    return ".".join(urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts)


def read(token: str, keys: list[dict[str, Any]] | None = None, now: datetime = NOW) -> Identity | TokenProblem:
    return identity_in(token, KEYS if keys is None else keys, EXPECTED, now)


@pytest.mark.parametrize("name", ["rsa-1", "ec-1"])
def test_a_token_signed_by_a_published_key_names_its_person(name: str) -> None:
    assert read(signed(name)) == ANA


def test_an_algorithm_is_taken_only_with_a_key_of_its_kind() -> None:
    public = key("rsa-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = jwt.get_algorithm_by_name("HS256")
    head = raw({"alg": "HS256", "kid": "rsa-1"}, CLAIMS).rsplit(".", 1)[0]
    by_public_key = secret.sign(head.encode(), public)
    assert read(raw({"alg": "HS256", "kid": "rsa-1"}, CLAIMS, by_public_key)) is TokenProblem.WRONG_ALGORITHM
    for algorithm in ("none", "None", "nOnE", "HS256", "RS384", "PS256", "ES384", "EdDSA", ""):
        assert read(raw({"alg": algorithm, "kid": "rsa-1"}, CLAIMS)) is TokenProblem.WRONG_ALGORITHM
    for odd in ({}, {"alg": None}, {"alg": ["RS256"]}, {"alg": "RS256", "crit": ["exp"]}):
        assert not isinstance(read(raw(odd, CLAIMS)), Identity)
    assert read(signed("rsa-1", {"kid": "ec-1"})) is TokenProblem.UNKNOWN_KEY
    assert read(signed("ec-1", {"kid": "rsa-1"})) is TokenProblem.UNKNOWN_KEY


def test_a_key_that_is_not_published_signs_nothing_wherever_the_token_says_it_is() -> None:
    stranger = public_jwk("rsa-2")
    assert read(signed("rsa-2")) is TokenProblem.UNKNOWN_KEY
    assert read(signed("rsa-2", {"kid": "rsa-1"})) is TokenProblem.WRONG_SIGNATURE
    for header in ({"jwk": stranger}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example"}):
        assert read(signed("rsa-2", {"kid": "rsa-1", **header})) is TokenProblem.WRONG_SIGNATURE


def test_without_an_id_a_key_is_taken_only_where_there_is_no_choice() -> None:
    nameless = jwt.encode(CLAIMS, key("rsa-1"), "RS256")  # type: ignore[arg-type] # an RSA key signs
    assert read(nameless) == ANA
    assert read(nameless, [*KEYS, public_jwk("rsa-2")]) is TokenProblem.UNKNOWN_KEY


def test_a_key_that_is_weak_odd_or_for_something_else_is_no_key() -> None:
    weak = orjson.loads(
        jwt.get_algorithm_by_name("RS256").to_jwk(rsa.generate_private_key(65_537, 1_024).public_key())  # noqa: S505 - it must be refused
    )
    for changed in (
        weak,
        {"kty": "RSA"},
        {**KEYS[0], "use": "enc"},
        {**KEYS[0], "alg": "RS512"},
        {**KEYS[0], "n": "?"},
    ):
        assert read(signed(), [{**changed, "kid": "rsa-1"}]) is TokenProblem.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"iss": "https://id.example/"}, TokenProblem.WRONG_ISSUER),
        ({"iss": "https://evil.example"}, TokenProblem.WRONG_ISSUER),
        ({"iss": None}, TokenProblem.WRONG_ISSUER),
        ({"aud": "another"}, TokenProblem.WRONG_AUDIENCE),
        ({"aud": None}, TokenProblem.WRONG_AUDIENCE),
        ({"aud": ["followup", "another"]}, TokenProblem.WRONG_AUDIENCE),
        ({"aud": ["followup", "another"], "azp": "another"}, TokenProblem.WRONG_AUDIENCE),
        ({"azp": "another"}, TokenProblem.WRONG_AUDIENCE),
        ({"nonce": "of another sign-in"}, TokenProblem.WRONG_NONCE),
        ({"nonce": None}, TokenProblem.WRONG_NONCE),
        ({"exp": None}, TokenProblem.MALFORMED),
        ({"exp": True}, TokenProblem.MALFORMED),
        ({"iat": "now"}, TokenProblem.MALFORMED),
        ({"sub": None}, TokenProblem.MALFORMED),
        ({"sub": ""}, TokenProblem.MALFORMED),
        ({"sub": "x" * 256}, TokenProblem.MALFORMED),
        ({"sub": "anä"}, TokenProblem.MALFORMED),
        ({"nbf": AT + 61}, TokenProblem.NOT_YET_VALID),
        ({"iat": AT + 61, "exp": AT + 400}, TokenProblem.NOT_YET_VALID),
        ({"pad": "x" * 20_000}, TokenProblem.MALFORMED),
    ],
)
def test_a_token_that_says_something_else_proves_nothing(changes: dict[str, Any], problem: TokenProblem) -> None:
    assert read(signed("ec-1", **changes)) is problem


def test_for_several_clients_it_names_the_one_it_was_given_to() -> None:
    assert read(signed("ec-1", aud=["another", "followup"], azp="followup")) == ANA


def test_clocks_may_differ_by_a_minute_and_a_kept_token_is_too_old() -> None:
    token = signed("ec-1", exp=AT + 7_200)
    for seconds, found in ((-61, TokenProblem.NOT_YET_VALID), (-60, ANA), (659, ANA), (660, TokenProblem.EXPIRED)):
        assert read(token, now=NOW + timedelta(seconds=seconds)) == found
    assert read(signed("ec-1"), now=NOW + timedelta(seconds=359)) == ANA
    assert read(signed("ec-1"), now=NOW + timedelta(seconds=360)) is TokenProblem.EXPIRED


def test_what_is_no_token_proves_nothing() -> None:
    for text in (
        "",
        ".",
        "..",
        "a.b.c",
        "ä.b.c",
        signed()[:-5] + "AAAAA",
        raw({"alg": "RS256", "kid": "rsa-1"}, CLAIMS),
    ):
        assert isinstance(read(text), TokenProblem), text
