"""Separates the reads of requests from those of the process's own loops, so that neither takes the other's readers.

Six people who open long lists at once must not delay due texts.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token

_for_a_request: ContextVar[bool] = ContextVar("reading_for_a_request", default=False)


class _ForARequest:
    """The mark as a block: every request enters one, and a generator for it would cost four times as much."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token: Token[bool] = _for_a_request.set(True)

    def __exit__(self, *_: object) -> None:
        _for_a_request.reset(self._token)


def reading_for_a_request() -> AbstractContextManager[None]:
    """Mark everything read in the block, and by tasks started there, as asked for from outside."""
    return _ForARequest()


def is_for_a_request() -> bool:
    """Return whether the reading at hand was asked for from outside."""
    return _for_a_request.get()
