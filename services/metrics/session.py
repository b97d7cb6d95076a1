"""Console sessions: a signed cookie that names a merchant and one of its keys, never the key itself.

A session ends with its time, and at once when the key is taken out of merchant.yaml or loses its scope.
"""

import hmac
from datetime import datetime, timedelta
from pathlib import Path

from shared.clock import Clock
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.problem import Severity
from shared.http.auth import Caller
from shared.privacy import Sealer

SCOPE = "metrics:read"
COOKIE = "followup_console"
_PURPOSE = "console session"


class Sessions:
    """Issues and reads console cookies."""

    def __init__(self, sealer: Sealer, merchants: MerchantDirectory, clock: Clock, hours: int) -> None:
        self._sealer = sealer
        self._merchants = merchants
        self._clock = clock
        self._hours = hours

    @property
    def seconds(self) -> int:
        """How long a new session lasts."""
        return self._hours * 3600

    def file_problems(self, merchant_id: str) -> tuple[str, ...]:
        """Return what is wrong with a merchant's files; its last good ones are in force."""
        return tuple(
            str(problem)
            for problem in self._merchants.problems
            if problem.severity is Severity.ERROR and merchant_id in Path(problem.file).parts
        )

    def issue(self, caller: Caller) -> str:
        """Return the cookie of a new session."""
        ends = int((self._clock.now() + timedelta(hours=self._hours)).timestamp())
        merchant = caller.merchant.id
        return f"{merchant}:{caller.key_id}:{ends}:{self._signature(merchant, caller.key_id, ends)}"

    def merchant_of(self, cookie: str | None) -> Merchant | None:
        """Return whose console this cookie opens now; None where it opens none."""
        match (cookie or "").split(":"):
            case [merchant_id, key_id, ends, signature] if ends.isascii() and ends.isdigit():
                pass
            case _:
                return None
        if not hmac.compare_digest(signature.encode(), self._signature(merchant_id, key_id, int(ends)).encode()):
            return None
        merchant = self._merchants.get(merchant_id)
        if merchant is None or int(ends) <= self._seconds_now():
            return None
        key = next((key for key in merchant.config.api_keys if key.id == key_id), None)
        return merchant if key is not None and SCOPE in key.scopes else None

    def _seconds_now(self) -> float:
        now: datetime = self._clock.now()
        return now.timestamp()

    def _signature(self, merchant_id: str, key_id: str, ends: int) -> str:
        return self._sealer.signature(_PURPOSE, merchant_id, key_id, ends)
