"""Who reads: a request from outside, or the process's own loops. Neither takes the other's readers.

Six people who open long lists at once must not keep due texts from being found.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_for_a_request: ContextVar[bool] = ContextVar("reading_for_a_request", default=False)


@contextmanager
def reading_for_a_request() -> Iterator[None]:
    """Mark everything read in the block, and by tasks started there, as asked for from outside."""
    token = _for_a_request.set(True)
    try:
        yield
    finally:
        _for_a_request.reset(token)


def is_for_a_request() -> bool:
    """Return whether the reading at hand was asked for from outside."""
    return _for_a_request.get()
