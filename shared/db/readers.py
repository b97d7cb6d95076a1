"""Separates the reads of requests from those of the process's own loops, so that neither takes the other's readers.

Six people who open long lists at once must not delay due texts.
"""

from contextvars import ContextVar, Token

_for_a_request: ContextVar[bool] = ContextVar("reading_for_a_request", default=False)


class ReadingForARequest:
    """Marks all reads in the block, and in tasks started there, as made for a request.

    Every request enters one, and a generator for it would cost four times as much.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token: Token[bool] = _for_a_request.set(True)

    def __exit__(self, *_: object) -> None:
        _for_a_request.reset(self._token)


def is_for_a_request() -> bool:
    """Return whether the current read is made for a request."""
    return _for_a_request.get()
