"""Passwords of the console's users: argon2id, a bounded number at a time, as slow for nobody as for somebody."""

import asyncio
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.http.problems import HTTPProblem, unprocessable

ResultT = TypeVar("ResultT")

SHORTEST_PASSWORD: Final = 12
"""Characters; NIST SP 800-63B section 3.1.1.2 asks for more than eight and forbids rules of composition."""
LONGEST_PASSWORD: Final = 200
_AT_ONCE: Final = 2
"""Each takes 64 MiB while it is computed."""
_MOST_WAITING: Final = 20
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
"""The second recommended choice of RFC 9106 section 4."""
_NOBODYS: Final = "$argon2id$v=19$m=65536,t=3,p=4$MMHYmB9cjZlJT32m3tJxog$Lq7fNZlaGbEHNAlH/IMqgk6hdx5clVhOkb8Ier0t4sU"
"""The hash of a password that was thrown away, in the same parameters: a name without a user takes as long."""


@dataclass(slots=True)
class Passwords:
    """Computes hashes and compares passwords with them, off the event loop."""

    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _waiting: int = 0

    async def hash_of(self, password: str) -> str:
        """Return what is stored of a password.

        Raises:
            HTTPProblem: 422 too short or too long, 429 too many at once.
        """
        given = _normal(password)
        if not SHORTEST_PASSWORD <= len(given) <= LONGEST_PASSWORD:
            words = f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; several words are a good one"
            raise unprocessable("password", words)
        return await self._in_turn(partial(_HASHER.hash, given))

    async def is_right(self, stored: str | None, password: str) -> bool:
        """Return whether a password is the one stored; without one, False after as long.

        Raises:
            HTTPProblem: 429, too many at once.
        """
        given = _normal(password)[: LONGEST_PASSWORD + 1]
        found = await self._in_turn(partial(_matches, stored or _NOBODYS, given))
        return found and stored is not None

    async def _in_turn(self, work: Callable[[], ResultT]) -> ResultT:
        if self._waiting >= _MOST_WAITING:
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many sign-ins at once; try again in a moment",
                headers={"Retry-After": "5"},
            )
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """Return a password as every keyboard writes it (NFC)."""
    return unicodedata.normalize("NFC", password)
