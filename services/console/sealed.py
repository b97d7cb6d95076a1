"""The console stores nothing encrypted: it holds nothing about recipients, and of passwords their hashes."""

from typing import Final

from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {}
