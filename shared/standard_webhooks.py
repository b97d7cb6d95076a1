"""Standard Webhooks: the headers of a signed delivery, and its signature (pure); what arrives and what leaves use it.

    webhook-id: msg_0193b5a07c008a3e9d4f0a1b2c3d4e5f
    webhook-timestamp: 1796054400
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1,…

Source: standardwebhooks.com specification.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
VERSION: Final = "v1,"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret starts with


def key_of(secret: str) -> bytes:
    """Return the key of a secret: base64 after ``whsec_``, or the secret's own bytes if it is not base64."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()


def signature(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a delivery, in base64 and without its version."""
    signed = b".".join((delivery_id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


def headers_of(delivery_id: str, seconds: int, body: bytes, secrets: Iterable[str]) -> Mapping[str, str]:
    """Return the headers of a delivery: its id, the Unix time of this attempt, a signature by each of the secrets."""
    signatures = (VERSION + signature(secret, delivery_id, str(seconds), body) for secret in secrets)
    return {ID: delivery_id, TIMESTAMP: str(seconds), SIGNATURE: " ".join(signatures)}
