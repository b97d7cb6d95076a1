"""Sealed values in tests: as earlier versions made them, and opened with the keys alone."""

import os

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from shared.ids import MerchantId
from shared.privacy import Keyring, Sealer

_SHORTEST = 2 + 12 + 16
"""Key id, nonce and proof of nothing."""


def ring_of(sealer: Sealer) -> Keyring:
    """Return the keyring a sealer seals with."""
    return sealer._keyring  # noqa: SLF001 - only a test rotates beside a running application


def of_old(keyring: Keyring, merchant: MerchantId, clear: bytes) -> bytes:
    """Return a value as earlier versions sealed it: bound to the merchant, and to no place."""
    nonce = os.urandom(12)
    sealed = AESGCM(keyring.sealing_keys[keyring.active]).encrypt(nonce, clear, merchant.encode())
    return keyring.active.to_bytes(2, "big") + nonce + sealed


def with_the_keys(keyring: Keyring, sealed: bytes) -> bytes:
    """Return a sealed value's content without checking its place: GCM without its tag is a counter from two on."""
    key = keyring.sealing_keys.get(int.from_bytes(sealed[:2], "big") & 0x7FFF)
    if key is None or len(sealed) < _SHORTEST:
        return b""
    opened = Cipher(AES(key), CTR(sealed[2:14] + b"\x00\x00\x00\x02")).decryptor()
    return opened.update(sealed[14:-16]) + opened.finalize()
