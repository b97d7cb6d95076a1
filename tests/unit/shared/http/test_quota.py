"""A merchant sends in so much a second, whatever its requests hold; no other merchant is affected."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from shared.config.directory import Merchant
from shared.config.merchant import APIKey, KeyQuotas, MerchantConfig, MerchantQuotas
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.http.quota import BEHIND_SECONDS, BURST_SECONDS, LEAST_SHARE, SEARCHED_BYTES_PER_SECOND, Quotas, QuotaUsage
from shared.ids import MerchantId
from shared.settings import ProcessSettings
from shared.testing.clock import FakeClock
from shared.worker_thread import SMALL_BYTES

DOOR = "/v1/events"


def caller(merchant: str = "acme", key: str = "backend", **quotas: float) -> Caller:
    keys = (
        APIKey(id="backend", sha256=hashlib.sha256(b"1").hexdigest(), scopes=("events:write",)),
        APIKey(
            id="form",
            sha256=hashlib.sha256(b"2").hexdigest(),
            scopes=("events:write",),
            quotas=KeyQuotas(events_per_second=1),
        ),
    )
    config = MerchantConfig(
        merchant=merchant, brand=merchant, api_keys=keys, quotas=MerchantQuotas.model_validate(quotas)
    )
    return Caller(Merchant(MerchantId(merchant), config, {}), key, frozenset({"events:write"}), key)


def quotas_of(clock: FakeClock, **settings: Any) -> Quotas:
    return Quotas(ProcessSettings(data_dir=Path("nowhere"), **settings), clock)


def refused(quotas: Quotas, who: Caller, events: int = 1, size: int = 1) -> HTTPProblem:
    with pytest.raises(HTTPProblem) as problem:
        quotas.take(who, QuotaUsage(DOOR, events, size))
    assert (problem.value.status, problem.value.code) == (429, "quota_exceeded")
    return problem.value


def test_a_flood_in_large_requests_is_counted_by_its_events_and_is_its_own_merchants() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=500)
    for _ in range(2):
        quotas.take(caller(), QuotaUsage(DOOR, 500, 1))
    refused(quotas, caller())
    quotas.take(caller("globex"), QuotaUsage(DOOR, 500, 1))
    clock.advance(seconds=0.5)
    quotas.take(caller(), QuotaUsage(DOOR, 500, 1))
    assert refused(quotas, caller()).headers == {"Retry-After": "2"}


def test_bytes_count_as_events_do() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_bytes_per_second=1000)
    quotas.take(caller(), QuotaUsage(DOOR, 1, 20_000))
    assert "1000 bytes a second" in refused(quotas, caller()).detail
    clock.advance(seconds=19)
    quotas.take(caller(), QuotaUsage(DOOR, 1, 1))


def test_what_a_merchants_file_says_goes_before_the_process_and_a_key_may_have_less() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=1)
    busy = caller(events_per_second=100)
    for _ in range(20):
        quotas.take(busy, QuotaUsage(DOOR, 10, 1))
    refused(quotas, busy)
    quotas = quotas_of(clock)
    quotas.take(caller(key="form"), QuotaUsage(DOOR, 10, 1))
    assert refused(quotas, caller(key="form")).detail.startswith("this key ")
    quotas.take(caller(), QuotaUsage(DOOR, 10, 1))


def test_a_large_request_over_its_quota_is_searched_for_withdrawals_now_and_then_and_else_refused_unread() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=100)
    large = 10 * SMALL_BYTES
    assert quotas.unread_refusal(caller(), DOOR, large) is None
    quotas.take(caller(), QuotaUsage(DOOR, 1000, large))
    assert quotas.unread_refusal(caller(), DOOR, SMALL_BYTES) is None
    assert quotas.unread_refusal(caller("globex"), DOOR, large) is None
    read = sum(quotas.unread_refusal(caller(), DOOR, large) is None for _ in range(1000))
    assert read == 1
    refusal = quotas.unread_refusal(caller(), DOOR, large)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (429, "quota_exceeded")
    assert "nothing in this request was read" in refusal.detail
    clock.advance(seconds=large / SEARCHED_BYTES_PER_SECOND)
    assert quotas.unread_refusal(caller(), DOOR, large) is None
    operator = Caller(caller().merchant, "operator", frozenset())
    assert quotas.unread_refusal(operator, DOOR, large) is None


def test_a_large_delivery_over_its_quota_is_refused_unread_too() -> None:
    quotas = quotas_of(FakeClock(), merchant_events_per_second=1)
    quotas.delivery_refusal("acme", MerchantQuotas(), "shopify", QuotaUsage("/v1/webhooks", 10, 1), must_pass=True)

    def unread(size: int) -> HTTPProblem | None:
        return quotas.unread_delivery_refusal("acme", MerchantQuotas(), "shopify", "/v1/webhooks", size)

    large = 10 * SMALL_BYTES
    assert unread(large) is None
    assert unread(large) is not None
    assert unread(SMALL_BYTES) is None


def test_who_has_too_much_parked_is_refused_large_requests_unread() -> None:
    quotas = quotas_of(FakeClock())
    quotas.note_parked(["acme"])
    found = [quotas.unread_refusal(caller(), DOOR, 10 * SMALL_BYTES) for _ in range(2)]
    assert [each and each.code for each in found] == [None, "parked_quota_exceeded"]


def test_a_platform_is_not_refused_for_what_the_shops_own_programs_send() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=1)
    quotas.take(caller(), QuotaUsage(DOOR, 500, 1))
    refused(quotas, caller())
    load = QuotaUsage("/v1/webhooks", 1, 1)
    assert quotas.delivery_refusal("acme", MerchantQuotas(), "shopify", load, must_pass=False) is None


def test_a_withdrawal_passes_and_holds_others_for_seconds_at_most() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=2)
    load = QuotaUsage("/v1/webhooks", 1, 1)

    def refusal(*, must_pass: bool) -> HTTPProblem | None:
        return quotas.delivery_refusal("acme", MerchantQuotas(), "shopify", load, must_pass=must_pass)

    assert [refusal(must_pass=True) for _ in range(1000)] == [None] * 1000
    assert refusal(must_pass=False) is not None
    clock.advance(seconds=BURST_SECONDS + 1)
    assert refusal(must_pass=False) is None


def test_the_operator_never_waits() -> None:
    quotas = quotas_of(FakeClock(), merchant_events_per_second=1)
    operator = Caller(caller().merchant, "operator", frozenset())
    for _ in range(3):
        quotas.take(operator, QuotaUsage(DOOR, 500, 1))


async def test_a_merchant_over_a_quota_is_reported_and_forgotten_after_minutes() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=1)
    assert await quotas.concern() is None
    quotas.take(caller(), QuotaUsage(DOOR, 500, 1))
    refused(quotas, caller())
    assert "acme (events)" in (await quotas.concern() or "")
    clock.advance(minutes=6)
    assert await quotas.concern() is None


def test_while_readers_are_behind_each_merchant_may_bring_in_less_and_then_more_again() -> None:
    clock = FakeClock()
    quotas = quotas_of(clock, merchant_events_per_second=100)
    for _ in range(20):
        quotas.note_unread(BEHIND_SECONDS + 1)
    least = 100 * LEAST_SHARE
    for _ in range(int(least * BURST_SECONDS)):
        quotas.take(caller(), QuotaUsage(DOOR, 1, 1))
    refused(quotas, caller())
    quotas.take(caller("globex"), QuotaUsage(DOOR, 1, 1))
    for _ in range(100):
        quotas.note_unread(0)
    clock.advance(seconds=BURST_SECONDS)
    for _ in range(int(100 * BURST_SECONDS)):
        quotas.take(caller(), QuotaUsage(DOOR, 1, 1))
    refused(quotas, caller())


async def test_who_has_too_much_parked_brings_in_nothing_more_but_what_withdraws_until_it_is_seen_to() -> None:
    quotas = quotas_of(FakeClock(), merchant_parked_events=10)
    assert not quotas.has_parked_too_much(MerchantQuotas(), 10)
    assert quotas.has_parked_too_much(MerchantQuotas(), 11)
    assert not quotas.has_parked_too_much(MerchantQuotas(parked_events=20), 11)
    quotas.note_parked(["acme"])
    with pytest.raises(HTTPProblem) as problem:
        quotas.take(caller(), QuotaUsage(DOOR, 1, 1))
    assert (problem.value.status, problem.value.code) == (429, "parked_quota_exceeded")
    assert "acme (parked)" in (await quotas.concern() or "")
    quotas.take(caller(), QuotaUsage(DOOR, 0, 0))
    quotas.take(caller("globex"), QuotaUsage(DOOR, 1, 1))
    for must_pass in (True, False):
        refusal = quotas.delivery_refusal(
            "acme", MerchantQuotas(), "shopify", QuotaUsage(DOOR, 1, 1), must_pass=must_pass
        )
        assert (refusal is None) is must_pass
    quotas.note_parked([])
    quotas.take(caller(), QuotaUsage(DOOR, 1, 1))
