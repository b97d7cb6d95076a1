from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.integration.simulator.driver import ACCOUNT, PHONE, SHOP_NUMBER, TOKEN, SimulatorDriver

# The SDK passes its credentials to aiohttp in a way that aiohttp 4 drops.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated", "ignore:The 'auth' parameter is deprecated")


class RedirectedHTTPClient(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's own client with nothing but the host changed."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url

    async def request(self, method: str, url: str, **more: Any) -> Any:
        return await super().request(method, url.replace("https://api.twilio.com", self.base_url), **more)


async def test_the_sdk_creates_fetches_and_lists_as_at_twilio(driver: SimulatorDriver) -> None:
    async with RedirectedHTTPClient(driver.url) as http:
        client = Client(ACCOUNT, TOKEN, http_client=http)
        created = await client.messages.create_async(
            to=PHONE, from_=SHOP_NUMBER, body="Grüße 👋", status_callback=f"{driver.shop.url}/r?attempt=a1&sig=x%2By"
        )
        assert (created.status, created.date_sent, created.direction) == ("queued", None, "outbound-api")
        assert created.sid.startswith("SM")
        assert len(created.sid) == 34
        assert created.num_segments == "1"
        assert abs(created.date_created - datetime.now(UTC)) < timedelta(seconds=10)

        await driver.shop.until(lambda: "delivered" in driver.shop.statuses())
        fetched = await client.messages(created.sid).fetch_async()
        assert (fetched.status, fetched.body) == ("delivered", "Grüße 👋")
        assert (fetched.to, fetched.from_) == (PHONE, SHOP_NUMBER)
        assert fetched.date_sent is not None
        for number in range(4):
            await client.messages.create_async(to=PHONE, from_=SHOP_NUMBER, body=f"text {number}")
        listed = await client.messages.list_async(to=PHONE, page_size=2)
        assert [text.body for text in listed] == ["text 3", "text 2", "text 1", "text 0", "Grüße 👋"]


async def test_the_sdk_reads_refusals_as_twilio_s(driver: SimulatorDriver) -> None:
    async with RedirectedHTTPClient(driver.url) as http:
        client = Client(ACCOUNT, TOKEN, http_client=http)
        with pytest.raises(TwilioRestException) as refused:
            await client.messages.create_async(to="+15005550009", from_=SHOP_NUMBER, body="Hello")
        assert (refused.value.status, refused.value.code) == (400, 21614)
        with pytest.raises(TwilioRestException) as unknown:
            await client.messages("SM" + "0" * 32).fetch_async()
        assert (unknown.value.status, unknown.value.code) == (404, 20404)
        intruder = Client(ACCOUNT, "wrong", http_client=http)
        with pytest.raises(TwilioRestException) as stranger:
            await intruder.messages.create_async(to=PHONE, from_=SHOP_NUMBER, body="x")
        assert (stranger.value.status, stranger.value.code) == (401, 20003)


async def test_every_call_to_the_shop_bears_a_signature_the_sdk_accepts(driver: SimulatorDriver) -> None:
    await driver.post(StatusCallback=f"{driver.shop.url}/receipts?attempt=7&sig=a%2Fb%3D")
    await driver.shop.until(lambda: len(driver.shop.calls) == 3)
    await driver.reply("Danke! ä & b=c")
    await driver.shop.until(lambda: len(driver.shop.calls) == 4)
    validator = RequestValidator(TOKEN)
    for call in driver.shop.calls:
        assert validator.validate(call.url, call.form, call.signature)
        assert not validator.validate(call.url, {**call.form, "To": "+1"}, call.signature)
    receipt = next(call.form for call in driver.shop.calls if call.form.get("MessageStatus") == "delivered")
    assert {"MessageSid", "SmsSid", "SmsStatus", "To", "From", "AccountSid", "ApiVersion"} <= set(receipt)
    reply = driver.shop.calls[-1].form
    assert (reply["From"], reply["To"], reply["Body"]) == (PHONE, SHOP_NUMBER, "Danke! ä & b=c")
    assert reply["SmsMessageSid"] == reply["MessageSid"]
