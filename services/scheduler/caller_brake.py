"""How often one caller may ask for what nobody needs by the thousand: numbers looked up, texts read ahead."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.token_buckets import TokenBuckets

PER_SECOND: Final = 1.0
"""Of one caller: nobody types faster, and who walks through everything is stopped."""
AT_ONCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class CallerBrake:
    """Slows down each caller of a route by itself; the operator never."""

    buckets: TokenBuckets
    code: str
    """Of the problem."""
    what: str
    """What there was too much of, as in "numbers were looked up"."""

    def slow_down(self, caller: Caller) -> None:
        """Take one from the caller's bucket.

        Raises:
            HTTPProblem: 429 with `Retry-After`.
        """
        if caller.is_operator:
            return
        name = (caller.merchant.id, caller.key_id)
        left = self.buckets.left(name, PER_SECOND, AT_ONCE)
        if left < 1:
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                self.code,
                f"more than {AT_ONCE:g} {self.what} within a minute; go on with one a second",
                headers={"Retry-After": "1"},
            )
        self.buckets.keep(name, left - 1)
