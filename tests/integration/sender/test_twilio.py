"""The Twilio adapter over real HTTP: what the wire shows, and that nothing is ever sent twice."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.sender.providers import twilio_sdk
from services.sender.providers.provider import Callback, OutgoingText
from services.sender.providers.twilio import TwilioProvider
from services.sender.receipts.status_lattice import ProviderStatus
from services.sender.reconciliation.decision import body_sha256
from services.sender.sending.answer_classification import Accepted, NotSent, ProviderAnswer, Refused, Unknown
from shared.phone import E164
from shared.testing import make_sender
from shared.testing.clock import FakeClock
from shared.testing.make_sender import ScriptedProvider

TEXT = OutgoingText(E164("+12125550123"), "+12025550100", "Hello ✓", "https://acme.example/x?attempt=1&sig=2", 36_001)


def provider_at(base_url: str) -> TwilioProvider:
    return TwilioProvider(
        "main",
        "twilio",
        account_sid=make_sender.ACCOUNT_SID,
        auth_token=make_sender.AUTH_TOKEN,
        base_url=base_url,
        public_url="https://acme.example/",
    )


@pytest.fixture
async def server() -> AsyncIterator[ScriptedProvider]:
    server = ScriptedProvider(FakeClock())
    await server.start()
    yield server
    await server.stop()


async def answer_of(base_url: str, text: OutgoingText = TEXT) -> ProviderAnswer:
    provider = provider_at(base_url)
    try:
        return await provider.send(text)
    finally:
        await provider.close()


async def test_a_text_travels_with_everything_it_needs(server: ScriptedProvider) -> None:
    answer = await answer_of(server.base_url)
    (text,) = server.texts
    assert answer == Accepted(text.sid, parts=1)
    assert text.form == {
        "To": TEXT.to,
        "From": TEXT.sender_number,
        "Body": TEXT.body,
        "StatusCallback": TEXT.callback_url,
        "ValidityPeriod": "36000",
    }


async def test_a_window_that_is_over_is_not_sent(server: ScriptedProvider) -> None:
    text = OutgoingText(TEXT.to, TEXT.sender_number, "x", None, 0)
    assert await answer_of(server.base_url, text) == NotSent("window_closed")
    assert server.calls == 0


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("drop", Unknown),
        ("500", Unknown),
        ("408", Unknown),
        ("redirect", Unknown),
        ("accept_then_drop", Unknown),
        ("accept_then_garbage", Unknown),
        ("throttle", Refused),
        ("refuse:21610", Refused),
    ],
)
async def test_each_call_reaches_the_provider_exactly_once(
    server: ScriptedProvider, word: str, kind: type[ProviderAnswer]
) -> None:
    server.script = deque([word])
    assert isinstance(await answer_of(server.base_url), kind)
    assert server.calls == 1


async def test_a_throttle_keeps_its_retry_after_which_the_library_drops(server: ScriptedProvider) -> None:
    server.script = deque(["throttle"])
    answer = await answer_of(server.base_url)
    assert isinstance(answer, Refused)
    assert answer.retry_after_seconds == 7.0


async def test_a_silent_provider_is_unknown_after_our_timeout_not_the_librarys(
    server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio_sdk, "_TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    server.script = deque(["accept_then_hang"])
    async with asyncio.timeout(60):
        assert await answer_of(server.base_url) == Unknown("timeout")


async def test_a_refused_connection_was_not_sent(server: ScriptedProvider) -> None:
    url = server.base_url
    await server.stop()
    assert await answer_of(url) == NotSent("connection_refused")


async def test_an_unknown_name_was_not_sent() -> None:
    assert await answer_of("http://provider.invalid") == NotSent("name_not_found")


async def test_a_failed_tls_handshake_was_not_sent(server: ScriptedProvider) -> None:
    answer = await answer_of(server.base_url.replace("http://", "https://"))
    assert isinstance(answer, NotSent)
    assert server.calls == 0


async def test_a_listing_shows_our_texts_and_only_those_of_the_number(server: ScriptedProvider) -> None:
    provider = provider_at(server.base_url)
    await provider.send(TEXT)
    (listed,) = await provider.find(TEXT.to, TEXT.sender_number) or []
    assert listed.provider_message_id == server.texts[0].sid
    assert listed.body_sha256 == body_sha256(TEXT.body)
    assert listed.status is ProviderStatus.ACCEPTED
    assert await provider.find(TEXT.to, "+12025550101") == []
    server.listing_works = False
    assert await provider.find(TEXT.to, TEXT.sender_number) is None
    await provider.close()


def callback(form: dict[str, str], **headers: str) -> Callback:
    return Callback("/v1/providers/main/acme/replies", form, headers)


async def test_a_reply_is_read_with_who_answers_it() -> None:
    provider = provider_at("http://127.0.0.1:1")
    form = {"MessageSid": "SM1", "From": "+12125550123", "To": "+12025550100", "Body": " Stop "}
    read = provider.inbound(callback(form), provider_answers=True)
    assert read is not None
    assert read.provider_answered
    assert provider.inbound(callback({**form, "MessageSid": ""}), provider_answers=True) is None
    plain = provider.inbound(callback(form), provider_answers=False)
    assert plain is not None
    assert not plain.provider_answered


async def test_an_unknown_status_word_says_at_least_that_the_text_was_taken() -> None:
    receipt = provider_at("http://127.0.0.1:1").receipt(callback({"MessageSid": "SM1", "MessageStatus": "teleported"}))
    assert receipt is not None
    assert receipt.status is ProviderStatus.ACCEPTED


async def test_a_signature_covers_our_configured_address_and_not_the_host_header() -> None:
    provider = provider_at("http://127.0.0.1:1")
    form = {"MessageSid": "SM1", "Body": ""}
    good = make_sender.signature("https://acme.example/v1/providers/main/acme/replies", form)
    other = make_sender.signature("https://evil.example/v1/providers/main/acme/replies", form)
    assert provider.is_genuine(callback(form, **{"x-twilio-signature": good}))
    assert not provider.is_genuine(callback(form, **{"x-twilio-signature": other, "host": "evil.example"}))
