"""A key that signs: each day of the ledger and of audit logs, and the console's calls.

With its public half anybody can check a root.

Ed25519 (RFC 8032) and not an HMAC: the key that checks an HMAC could also forge it.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import ConfigurationFault
from shared.privacy import KEYRING_FILE_MODE
from shared.settings import ProcessSettings

KEY_FILE = "ledger-key.pem"
"""Beside the keyring unless a setting names another; PKCS 8, so that other tools read it too."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One Ed25519 key pair."""

    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Return a fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(
        cls, path: Path, named_by: str = "FOLLOWUP_COMPLIANCE_SIGNING_KEY_FILE or FOLLOWUP_AUDIT_SIGNING_KEY_FILE"
    ) -> Self:
        """Return the key a file holds; `named_by` is the setting that names another.

        Raises:
            ConfigurationFault: the file is missing, unreadable, or not such a key.
        """
        do = f"restore it from your backup, or name another with {named_by}"
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as problem:
            raise ConfigurationFault(f"{path}: the signing key cannot be read ({problem.strerror}); {do}") from None
        except (ValueError, TypeError):
            raise ConfigurationFault(f"{path}: not a signing key; {do}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationFault(f"{path}: not an Ed25519 key; {do}")
        return cls(key)

    def save(self, path: Path) -> None:
        """Write the key to a new file that only its owner can read; never overwrites one."""
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEYRING_FILE_MODE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())

    @property
    def public_key(self) -> str:
        """Return the public half: 32 bytes as 64 hex digits."""
        return self._private.public_key().public_bytes_raw().hex()

    def signed(self, data: bytes) -> bytes:
        """Return the signature of some bytes, which begin with what they are for."""
        return self._private.sign(data)

    def derived(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose, from which nothing of this key can be found (HKDF, RFC 5869)."""
        secret = self._private.private_bytes_raw()
        return HKDF(hashes.SHA256(), length=32, salt=None, info=f"followup {purpose}".encode()).derive(secret)

    def signature(self, root: str, of: str = "ledger") -> str:
        """Return the signature of a daily root `of` the ledger or an audit log: 64 bytes as 128 hex digits."""
        return self.signed(signed_text(root, of)).hex()


def signed_text(root: str, of: str = "ledger") -> bytes:
    """Return the bytes that are signed; the first line keeps the signature from being valid for anything else."""
    return f"followup {of} root\n{root}".encode()


def key_of(chosen: Path | None, process: ProcessSettings) -> SigningKey | None:
    """Return the key in the file an operator chose, else that beside the keyring, made on first use.

    None if there is none and its folder is not writable: then days stay unsigned. Processes that start together make
    one key.

    Raises:
        ConfigurationFault: a key file exists, or was named, and cannot be used.
    """
    if chosen is not None:
        return SigningKey.load(chosen)
    path = (process.keyring_file or process.data_dir / KEY_FILE).with_name(KEY_FILE)
    if not path.exists():
        if not os.access(path.parent, os.W_OK):
            return None
        _make(path)
    return SigningKey.load(path)


def _make(path: Path) -> None:
    """Write a new key, whole or not at all, unless another process was quicker."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    SigningKey.new().save(fresh)
    try:
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
