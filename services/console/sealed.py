"""The console encrypts nothing with the keyring, which it does not have: it holds nothing about recipients.

Of passwords it stores hashes; secrets of authenticators are sealed with a key of its own
(`accounts/second_factors.py`).
"""

from typing import Final

from shared.db.reseal import Sealed

SEALED: Final[Sealed] = {}
