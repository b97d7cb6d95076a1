"""What one merchant may send in: events and bytes a second, over all routes, however they are packed.

A bucket holds some seconds of its rate. A request is accepted while anything is left and takes its whole size, even
into debt, so that a large one is never refused for its size. The keys of a merchant share its buckets, and a key may
have smaller ones of its own. A platform that delivers webhooks has separate buckets: a runaway program of the shop does
not make the platform give up. Withdrawals are always accepted: a request over its quota is still searched for
withdrawals if it is small, and a large one as long as not too much was searched lately.

While the consumers of events are behind, what one merchant may send in shrinks, because every other merchant's events
wait behind it in the log. A merchant that sends little does not notice.

Each process counts for itself: behind a load balancer a merchant may send as much to every replica.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import NamedTuple

from shared.clock import Clock
from shared.config.merchant import APIKey, KeyQuotas, MerchantQuotas
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.settings import ProcessSettings
from shared.telemetry.metrics import counter, gauge
from shared.token_buckets import TokenBuckets
from shared.worker_thread import SMALL_BYTES

BURST_SECONDS = 2.0
"""How many seconds of its rate a merchant may send at once; consumers read that much within a few seconds."""
BEHIND_SECONDS = 2.0
"""Events that wait longer to be read mean that more is sent in than is read."""
LEAST_SHARE = 0.1
"""The least part of a merchant's events a second that remains, however far behind the readers are: 50 of 500."""
SEARCHED_BYTES_PER_SECOND = 65_536.0
"""Of large requests over a quota, so many bytes are searched for withdrawals; the rest is refused unread."""
_PARKED_AGAIN_SECONDS = 60
_SHRINKS_BY, _GROWS_BY = 0.5, 1.05
REMEMBERED_SECONDS = 300.0
"""How long a refusal is reported as a concern."""
SHARE = gauge("followup_quota_share", "The part of its events a second that each merchant may send in now.")
REFUSED = counter(
    "followup_quota_refused_total",
    "Requests and triggers refused because their merchant was over a quota: events, bytes, pending, parked.",
    ["door", "quota"],
)


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """What a request sends in."""

    path: str
    """The path of its route."""
    events: int
    size: int
    """Bytes of its body."""


class _Charge(NamedTuple):
    """What a request takes from one bucket."""

    bucket: tuple[str, ...]
    quota: str
    per_second: float
    amount: float


class Quotas:
    """The buckets of one process; only merchants with files have any."""

    def __init__(self, settings: ProcessSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets = TokenBuckets(clock)
        self._refused_at: dict[tuple[str, str], float] = {}
        self._share = 1.0
        self._parked: frozenset[str] = frozenset()
        SHARE.set(1.0)

    def has_parked_too_much(self, quotas: MerchantQuotas, parked: int) -> bool:
        """Return whether so many parked events in one service are more than a merchant may have."""
        own = quotas.parked_events
        return parked > (self._settings.merchant_parked_events if own is None else own)

    def note_parked(self, merchants: Iterable[str]) -> None:
        """Record which merchants have too many parked events: the rest of what they send in is refused."""
        self._parked = frozenset(merchants)

    def note_unread(self, seconds: float) -> None:
        """Record how long events wait to be read: it shrinks or grows every merchant's rate."""
        if seconds > BEHIND_SECONDS:
            self._share = max(LEAST_SHARE, self._share * _SHRINKS_BY)
        elif seconds < BEHIND_SECONDS / 2:
            self._share = min(1.0, self._share * _GROWS_BY)
        SHARE.set(self._share)

    def take(self, caller: Caller, usage: QuotaUsage) -> None:
        """Take what a request holds from the quotas of its merchant and its key.

        Raises:
            HTTPProblem: 429 while one is used up, with the seconds to wait; nothing was taken.
        """
        if (refusal := self.refusal(caller, usage)) is not None:
            raise refusal

    def refusal(self, caller: Caller, usage: QuotaUsage) -> HTTPProblem | None:
        """Take what a request holds, or return why it must wait; the operator's never must."""
        if not caller.key_sha256:
            return None
        return self._refusal(caller.merchant.id, usage, [*self._charges_of(caller, usage)])

    def delivery_refusal(
        self, merchant_id: str, quotas: MerchantQuotas, source: str, usage: QuotaUsage, *, must_pass: bool
    ) -> HTTPProblem | None:
        """Take a platform's delivery from its merchant's quota for it, or return why it must be sent again later.

        One that `must_pass`, because it holds a withdrawal, counts and is never refused.
        """
        charges = [*self._charges((merchant_id, "source", source), quotas, usage)]
        if must_pass:
            self._charge(charges, most_debt=True)
            return None
        return self._refusal(merchant_id, usage, charges)

    def unread_refusal(self, caller: Caller, path: str, size: int) -> HTTPProblem | None:
        """Return why a large request of a merchant over its quota is not even read, or None.

        Reading it would cost other merchants what refusing it saves.
        """
        if not caller.key_sha256 or size <= SMALL_BYTES:
            return None
        charges = [*self._charges_of(caller, QuotaUsage(path, 1, size))]
        return self._unread_refusal(caller.merchant.id, (caller.merchant.id,), path, size, charges)

    def unread_delivery_refusal(
        self, merchant_id: str, quotas: MerchantQuotas, source: str, path: str, size: int
    ) -> HTTPProblem | None:
        """Return why a large delivery over its merchant's quota is not even read, or None."""
        if size <= SMALL_BYTES:
            return None
        owner = (merchant_id, "source", source)
        charges = [*self._charges(owner, quotas, QuotaUsage(path, 1, size))]
        return self._unread_refusal(merchant_id, owner, path, size, charges)

    def pending_limit(self, quotas: MerchantQuotas) -> int:
        """Return how many follow-ups of a merchant may be planned and not ended."""
        own = quotas.pending_follow_ups
        return self._settings.merchant_pending_follow_ups if own is None else own

    def note_refused(self, merchant_id: str, path: str, quota: str, count: int = 1) -> None:
        """Count refused requests or triggers, and remember the merchant."""
        REFUSED.labels(path, quota).inc(count)
        self._refused_at[merchant_id, quota] = self._clock.monotonic()

    async def concern(self) -> str | None:
        """Return which merchants were over which quota in the last minutes, or None."""
        since = self._clock.monotonic() - REMEMBERED_SECONDS
        self._refused_at = {who: at for who, at in self._refused_at.items() if at >= since}
        refused = {*self._refused_at, *((merchant, "parked") for merchant in self._parked)}
        who = sorted(f"{merchant} ({quota})" for merchant, quota in refused)
        return (
            f"over their quota within 5 minutes: {', '.join(who)}; see docs/runbooks/quota-exceeded.md" if who else None
        )

    def _charges_of(self, caller: Caller, usage: QuotaUsage) -> Iterator[_Charge]:
        yield from self._charges((caller.merchant.id,), caller.merchant.config.quotas, usage)
        key: APIKey | None = next((key for key in caller.merchant.config.api_keys if key.id == caller.key_id), None)
        if key is not None and key.quotas != KeyQuotas():
            yield from self._charges((caller.merchant.id, "key", key.id), key.quotas, usage)

    def _charges(self, owner: tuple[str, ...], quotas: KeyQuotas, usage: QuotaUsage) -> Iterator[_Charge]:
        events = self._share * (quotas.events_per_second or self._settings.merchant_events_per_second)
        yield _Charge((*owner, "events"), "events", events, usage.events)
        size = quotas.bytes_per_second or self._settings.merchant_bytes_per_second
        yield _Charge((*owner, "bytes"), "bytes", size, usage.size)

    def _unread_refusal(
        self, merchant_id: str, owner: tuple[str, ...], path: str, size: int, charges: list[_Charge]
    ) -> HTTPProblem | None:
        if merchant_id not in self._parked and all(self._left_in(charge) > 0 for charge in charges):
            return None
        searched = _Charge((*owner, "searched"), "bytes", SEARCHED_BYTES_PER_SECOND, size)
        if self._left_in(searched) > 0:
            self._charge([searched])
            return None
        refusal = self._refusal(merchant_id, QuotaUsage(path, 1, size), charges)
        return refusal and reworded(refusal, "nothing in this request was read: post withdrawals in a small request")

    def _refusal(self, merchant_id: str, usage: QuotaUsage, charges: list[_Charge]) -> HTTPProblem | None:
        if merchant_id in self._parked and any(charge.amount for charge in charges):
            self.note_refused(merchant_id, usage.path, "parked")
            return HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "parked_quota_exceeded",
                "too many events of this merchant are parked; the operator must handle them first",
                headers={"Retry-After": str(_PARKED_AGAIN_SECONDS)},
            )
        empty = [(charge, left) for charge in charges if charge.amount and (left := self._left_in(charge)) <= 0]
        if not empty:
            self._charge(charges)
            return None
        worst, left = max(empty, key=lambda found: -found[1] / found[0].per_second)
        self.note_refused(merchant_id, usage.path, worst.quota)
        whose = "this key" if "key" in worst.bucket[1:2] else "this merchant"
        return HTTPProblem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "quota_exceeded",
            f"{whose} sent more than {worst.per_second:g} {worst.quota} a second; send more slowly",
            headers={"Retry-After": str(ceil(-left / worst.per_second) + 1)},
        )

    def _left_in(self, charge: _Charge) -> float:
        return self._buckets.left(charge.bucket, charge.per_second, charge.per_second * BURST_SECONDS)

    def _charge(self, charges: list[_Charge], *, most_debt: bool = False) -> None:
        """Take from buckets; requests that may not be refused leave a debt of at most some seconds of the rate."""
        for charge in charges:
            before = self._left_in(charge)
            left = before - charge.amount
            if most_debt:
                left = max(left, min(before, -charge.per_second * BURST_SECONDS))
            self._buckets.keep(charge.bucket, left)


def reworded(refusal: HTTPProblem, addition: str) -> HTTPProblem:
    """Return a refusal with an addition to its detail."""
    detail = f"{refusal.detail}; {addition}"
    return HTTPProblem(refusal.status, refusal.code, detail, refusal.errors, dict(refusal.headers or {}))
