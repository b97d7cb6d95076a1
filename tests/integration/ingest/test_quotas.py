"""A merchant over its quota is refused and may retry; withdrawals are recorded all the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from services.ingest import events_api
from shared.events.consent import ConsentReported, MerchantClosed, PrivacyRequested
from shared.testing.clock import FakeClock
from shared.testing.make_ingest import PHONE, api_key, event, shopify_order
from tests.integration.ingest.driver import IngestDriver, open_ingest

CUSTOMER = {"id": 207_119_551, "first_name": "Ana", "phone": PHONE, "updated_at": "2026-12-01T12:00:00-05:00"}


@pytest.fixture
async def used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IngestDriver]:
    """A stage on which acme has used up what it may bring in."""
    monkeypatch.setenv("FOLLOWUP_MERCHANT_EVENTS_PER_SECOND", "0.1")
    async with open_ingest(tmp_path, FakeClock()) as driver:
        assert (await driver.report([event(id=str(number)) for number in range(3)])).status_code == 202
        assert (await driver.shopify("orders/create", shopify_order())).status_code == 200
        yield driver


def opt_out(identity: str) -> dict[str, object]:
    """Return an event of a person who wants no more texts."""
    consent = {"scope": "marketing", "event": "revoked", "method": "form", "source": "https://acme.example"}
    return event(id=identity, kind="custom.goodbye", consent=[consent])


async def test_events_over_quota_come_again_and_another_merchant_does_not_feel_it(used_up: IngestDriver) -> None:
    before = await used_up.count()
    answer = await used_up.report(event(id="more"))
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert int(answer.headers["Retry-After"]) > 1
    assert await used_up.count() == before
    assert (await used_up.report(event(id="more"), merchant="bolt")).status_code == 202


async def test_an_opt_out_in_a_list_over_quota_is_taken_and_the_list_may_come_again(used_up: IngestDriver) -> None:
    documents = [event(id="more"), opt_out("stop")]
    answer = await used_up.report(documents, **{"Idempotency-Key": "k"})
    assert answer.status_code == 429, answer.text
    assert "1 of its events withdraw something and were recorded" in answer.json()["detail"]
    assert (await used_up.harness.published(ConsentReported))[-1].act == "revoked"
    used_up.harness.runtime.clock.advance(minutes=10)  # type: ignore[attr-defined] # a FakeClock
    again = await used_up.report(documents, **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (202, 1, 1)


@pytest.mark.parametrize("in_chunks", [False, True], ids=["announced", "in-chunks"])
async def test_large_lists_over_quota_are_refused_unread_however_they_come(
    used_up: IngestDriver, monkeypatch: pytest.MonkeyPatch, *, in_chunks: bool
) -> None:
    monkeypatch.setattr(events_api, "UNREAD_SECONDS", 0)
    body = orjson.dumps([event(id=f"large-{number}", facts={"note": "x" * 4_000}) for number in range(40)])

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    async def refusal() -> str:
        headers = {"Authorization": f"Bearer {api_key('acme')}"}
        answer = await used_up.client.post("/v1/events", content=chunks() if in_chunks else body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        return str(answer.json()["detail"])

    assert "nothing in this request was read" not in await refusal(), "the first is searched for withdrawals"
    assert "nothing in this request was read" in await refusal()


async def test_a_platforms_delivery_over_quota_is_asked_to_retry(used_up: IngestDriver) -> None:
    answer = await used_up.shopify("orders/create", shopify_order(id=2), event_id="event-2")
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert "Retry-After" in answer.headers


async def test_withdrawals_privacy_requests_and_closings_of_a_platform_pass_over_quota(used_up: IngestDriver) -> None:
    unsubscribed = {"phone": PHONE, "sms_marketing_consent": {"state": "unsubscribed"}}
    stopped = await used_up.shopify("customers/update", CUSTOMER | unsubscribed, event_id="event-3")
    redact = {
        "shop_id": 954_889,
        "shop_domain": "acme.myshopify.com",
        "customer": {"id": 207_119_551, "email": "a@example.com", "phone": PHONE},
        "orders_to_redact": [],
    }
    erased = await used_up.shopify("customers/redact", redact, event_id="event-4")
    shop = {"id": 954_889, "name": "Acme", "domain": "acme.example", "myshopify_domain": "acme.myshopify.com"}
    closed = await used_up.shopify("app/uninstalled", shop, event_id="event-5")
    assert [answer.status_code for answer in (stopped, erased, closed)] == [200, 200, 200]
    assert "revoked" in [claim.act for claim in await used_up.harness.published(ConsentReported)]
    assert await used_up.harness.published(PrivacyRequested)
    assert await used_up.harness.published(MerchantClosed)
