"""Privacy: derives recipient ids (a keyed hash) and encrypts personal data (AES-256-GCM under a rotating keyring).

The hash key never rotates: losing it would forget every STOP, so its fingerprint is stored in every
database and a mismatch refuses to start. The sealing keys rotate: each blob names the key that sealed it.
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared import ids
from shared.aad import AssociatedData
from shared.errors import ConfigurationFault, Unsealable
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.randomness import Pool

KEYRING_FILE_MODE = 0o600
_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID_BYTES = 2
_HEAD_BYTES = _KEY_ID_BYTES + _NONCE_BYTES
_BOUND = 0x8000
"""Set in the key id of a value that is bound to its place; values of earlier versions were bound to their merchant."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The hash key and the sealing keys; `active` is the one that seals."""

    hash_key: bytes
    sealing_keys: Mapping[int, bytes]
    active: int
    bound_from: int = 1
    """From this key on a value opens at its own place alone; what older keys sealed may be bound to the merchant."""

    @classmethod
    def new(cls) -> "Keyring":
        """Return a fresh keyring with one sealing key."""
        return cls(secrets.token_bytes(_KEY_BYTES), {1: secrets.token_bytes(_KEY_BYTES)}, 1)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Return the keyring a file holds.

        Raises:
            ConfigurationFault: the file is missing, unreadable, or not a keyring.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8-sig"))
            keys = {int(key["id"]): base64.b64decode(key["key"], validate=True) for key in data["sealing_keys"]}
            bound_from = int(data.get("bound_from", max(keys) + 1))
            ring = cls(base64.b64decode(data["hash_key"], validate=True), keys, int(data["active"]), bound_from)
        except OSError as problem:
            raise ConfigurationFault(
                f"{path}: the keyring cannot be read ({problem.strerror}); restore it from your backup, "
                "or name another with FOLLOWUP_KEYRING_FILE"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ConfigurationFault(f"{path}: not a keyring; restore it from your backup") from None
        expected = ring.check() if "bound_from" in data else ring.check_of_old()
        if data.get("check", expected) != expected:
            raise ConfigurationFault(
                f"{path}: a byte of the keyring was changed (its check does not hold); restore it from your backup"
            )
        if ring.active not in ring.sealing_keys or any(len(k) != _KEY_BYTES for k in ring.all_keys()):
            raise ConfigurationFault(f"{path}: the active key is missing or a key is not 32 bytes long")
        return ring

    def save(self, path: Path) -> None:
        """Write the keyring to a new file that only its owner can read; never overwrites one."""
        document = {
            "hash_key": base64.b64encode(self.hash_key).decode(),
            "sealing_keys": [
                {"id": key_id, "key": base64.b64encode(key).decode()} for key_id, key in self.sealing_keys.items()
            ],
            "active": self.active,
            "bound_from": self.bound_from,
            "check": self.check(),
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEYRING_FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())

    def replace(self, path: Path) -> None:
        """Put this keyring in the place of another at once: whatever happens, one of the two is there, whole.

        Raises:
            ConfigurationFault: the folder cannot be written to.
        """
        fresh = path.with_name(f"{path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            self.save(fresh)
            fresh.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as problem:
            raise ConfigurationFault(f"{path}: the keyring cannot be replaced ({problem.strerror})") from None

    @property
    def is_prepared(self) -> bool:
        """Whether it holds a key that is newer than the active one."""
        return max(self.sealing_keys) > self.active

    def prepared(self) -> "Keyring":
        """Return a keyring with one more sealing key that opens and does not seal yet."""
        return dataclasses.replace(self, sealing_keys=self.rotated().sealing_keys)

    def activated(self) -> "Keyring":
        """Return a keyring that seals with its newest key."""
        return dataclasses.replace(self, active=max(self.sealing_keys))

    def rotated(self) -> "Keyring":
        """Return a keyring with one more sealing key, which is now the active one; the hash key stays."""
        newest = max(self.sealing_keys) + 1
        keys = {**self.sealing_keys, newest: secrets.token_bytes(_KEY_BYTES)}
        return dataclasses.replace(self, sealing_keys=keys, active=newest)

    def all_keys(self) -> tuple[bytes, ...]:
        """Return the hash key and every sealing key."""
        return (self.hash_key, *self.sealing_keys.values())

    def check(self) -> str:
        """Return the file's checksum of its keys, so that a changed byte is found before anything is sealed."""
        return self._digest(b"followup keyring", str(self.active).encode(), str(self.bound_from).encode())

    def check_of_old(self) -> str:
        """Return the checksum as earlier versions wrote it, which bound no key to its position."""
        return self._digest(b"followup keyring", str(self.active).encode())

    def _digest(self, *leading: bytes) -> str:
        parts = (*leading, self.hash_key)
        keys = (str(key_id).encode() + key for key_id, key in sorted(self.sealing_keys.items()))
        return hashlib.sha256(b"\x1f".join((*parts, *keys))).hexdigest()[:32]

    def fingerprint(self) -> str:
        """Return what every database remembers of the hash key, without revealing it."""
        return hmac.new(self.hash_key, b"followup hash key fingerprint", hashlib.sha256).hexdigest()[:32]


def is_private_file(path: Path) -> bool:
    """Return whether only the owner can read the file."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


_nonces = Pool(_NONCE_BYTES)


class Sealer:
    """Names people and seals what is known about them."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._hash = hmac.new(keyring.hash_key, digestmod=hashlib.sha256)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keyring.sealing_keys.items()}
        self._active = self._ciphers[keyring.active]
        self._active_tag = (keyring.active | _BOUND).to_bytes(_KEY_ID_BYTES, "big")

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the hash key."""
        return self._keyring.fingerprint()

    def recipient_id(self, merchant: MerchantId, phone: E164) -> RecipientId:
        """Return the one id this person has with this merchant: 122 bits of a keyed hash (RFC 9562 version 8)."""
        return RecipientId(ids.of_hash(self.keyed_hash(f"recipient\x1f{merchant}\x1f{phone}")))

    def keyed_hash(self, text: str) -> bytes:
        """Return an HMAC-SHA256 that cannot be recomputed by enumerating phone numbers."""
        keyed = self._hash.copy()  # with the key worked in already
        keyed.update(text.encode())
        return keyed.digest()

    def signature(self, *parts: object) -> str:
        """Return a short URL-safe signature over parts, for callback and preference links (128 bits)."""
        digest = self.keyed_hash("\x1f".join(("signature", *map(str, parts))))
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()

    def seal(self, merchant: MerchantId, place: AssociatedData, clear: bytes) -> bytes:
        """Return key id, nonce and ciphertext; opens only for the same merchant at the same place."""
        nonce = _nonces.take()
        return self._active_tag + nonce + self._active.encrypt(nonce, clear, place.bound(merchant))

    def is_current(self, sealed: bytes) -> bool:
        """Return whether a value was sealed with the active key, and for its place."""
        return sealed[:_KEY_ID_BYTES] == self._active_tag

    def open(self, merchant: MerchantId, place: AssociatedData, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            Unsealable: the key is missing, or the value was changed or belongs to another place; it names this one.
        """
        tag = int.from_bytes(sealed[:_KEY_ID_BYTES], "big")
        key_id, is_bound = tag & ~_BOUND, bool(tag & _BOUND)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unsealable(f"the sealed value at {place} names a key that the keyring does not hold")
        if not is_bound and key_id >= self._keyring.bound_from:
            raise Unsealable(f"the sealed value at {place} is bound to no place")
        try:
            bound = place.bound(merchant) if is_bound else merchant.encode()
            return cipher.decrypt(sealed[_KEY_ID_BYTES:_HEAD_BYTES], sealed[_HEAD_BYTES:], bound)
        except (InvalidTag, ValueError):
            raise Unsealable(f"the sealed value at {place} was changed, or belongs elsewhere") from None
