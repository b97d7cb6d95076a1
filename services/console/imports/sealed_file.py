"""A temporary file without a name, encrypted with a key that only this process has: it ends with the process."""

import io
import os
import secrets
import struct
import tempfile
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PIECE_BYTES: Final = 64 * 1024
_LENGTH: Final = struct.Struct(">I")
_NONCE: Final = struct.Struct(">IQ")
_LAST: Final = 1
"""First part of the nonce of the last piece: a file that lost its end does not open."""


class SealedFile:
    """Bytes that are written once, in order, and read as often as wanted."""

    def __init__(self) -> None:
        self._cipher = AESGCM(secrets.token_bytes(32))
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the import lives
        self._waiting = bytearray()
        self._pieces = 0
        self._is_whole = False
        self.size = 0
        """Bytes written so far."""

    def write(self, data: bytes) -> None:
        """Add bytes; they are on the disk only encrypted."""
        self.size += len(data)
        self._waiting += data
        while len(self._waiting) > _PIECE_BYTES:
            self._seal(bytes(self._waiting[:_PIECE_BYTES]), is_last=False)
            del self._waiting[:_PIECE_BYTES]

    def finish(self) -> None:
        """Write the rest; only then can it be read."""
        self._seal(bytes(self._waiting), is_last=True)
        self._waiting.clear()
        self._file.flush()
        self._is_whole = True

    def opened(self) -> io.BufferedReader:
        """Return a reader from the beginning.

        Raises:
            OSError: it is not whole, or was changed.
        """
        if not self._is_whole:
            raise OSError(None, "the upload did not come to its end")
        return io.BufferedReader(_Reader(self._cipher, self._file.fileno()), _PIECE_BYTES)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def _seal(self, piece: bytes, *, is_last: bool) -> None:
        sealed = self._cipher.encrypt(_NONCE.pack(_LAST if is_last else 0, self._pieces), piece, None)
        self._file.write(_LENGTH.pack(len(sealed) << 1 | is_last) + sealed)
        self._pieces += 1


class _Reader(io.RawIOBase):
    """Opens the pieces one after the other."""

    def __init__(self, cipher: AESGCM, descriptor: int) -> None:
        self._cipher = cipher
        self._descriptor = descriptor
        self._at = 0
        self._piece = memoryview(b"")
        self._pieces = 0
        self._told = 0
        self._has_ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False: a reader goes forward; `tell` says how far."""
        return False

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._told

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase's stub takes any buffer
        """Fill a buffer with what comes next."""
        if not self._piece and not self._has_ended:
            self._open_next()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        self._told += count
        return count

    def _open_next(self) -> None:
        head = os.pread(self._descriptor, _LENGTH.size, self._at)
        if len(head) < _LENGTH.size:
            raise OSError(None, "the temporary file lost its end")
        (marked,) = _LENGTH.unpack(head)
        length, is_last = marked >> 1, bool(marked & 1)
        sealed = os.pread(self._descriptor, length, self._at + _LENGTH.size)
        try:
            opened = self._cipher.decrypt(_NONCE.pack(_LAST if is_last else 0, self._pieces), sealed, None)
        except InvalidTag:
            raise OSError(None, "the temporary file was changed") from None
        self._piece = memoryview(opened)
        self._at += _LENGTH.size + length
        self._pieces += 1
        self._has_ended = is_last
