"""How long providers take to answer: from the newest calls, of which few are read."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.sender.numbers import store
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId, first_id

_WINDOW: Final = timedelta(hours=24)
_SLOW_PERCENT: Final = 95


class AnswerTimes(NamedTuple):
    """How long the calls to a provider took, from the intent to its answer."""

    calls: int
    median_seconds: float
    p95_seconds: float


async def load(db: Transaction, merchant: MerchantId, now: datetime) -> dict[str, AnswerTimes]:
    """Return how long each provider of a merchant took lately; one without an answered call is left out."""
    return answer_times(await store.newest_calls(db, first_id(now - _WINDOW)), merchant, now)


def answer_times(
    rows: Iterable[Row | Mapping[str, object]], merchant: MerchantId, now: datetime
) -> dict[str, AnswerTimes]:
    """Return the times of a merchant's providers in the last 24 hours (pure)."""
    seconds: dict[str, list[float]] = {}
    for row in rows:
        begun, answered = row["intent_at"], row["accepted_at"]
        if row["merchant_id"] != merchant or not isinstance(begun, datetime) or not isinstance(answered, datetime):
            continue
        if begun > now - _WINDOW:
            seconds.setdefault(str(row["provider"]), []).append(max(0.0, (answered - begun).total_seconds()))
    return {provider: _times(sorted(each)) for provider, each in seconds.items()}


def _times(ascending: list[float]) -> AnswerTimes:
    """Return the nearest-rank median and 95th percentile."""
    count = len(ascending)

    def rank(percent: int) -> float:
        return round(ascending[max(0, -(-count * percent // 100) - 1)], 3)

    return AnswerTimes(count, rank(50), rank(_SLOW_PERCENT))
