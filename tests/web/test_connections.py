"""What one client can make the server hold: bytes before a request, time, connections; and what the log says of it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest

from shared.http.limits import ConnectionLimits
from shared.http.networks import Networks, is_loopback, subscriber_of
from shared.telemetry.metrics import exposition
from tests.web.served import Address, served, small_app, status_of, until

MEGABYTE = 1 << 20
HOSTILE_MEGABYTES = 64
MOST_TAKEN = 32 * MEGABYTE
"""What the sockets of both sides may hold beside what the server reads: far less than what is sent."""
HASTY = ConnectionLimits(head_seconds=0.5, body_seconds=0.5, answer_seconds=0.5)
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[Address]:
    async with served(small_app(tmp_path), ConnectionLimits()) as address:
        yield address


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[Address]:
    async with served(small_app(tmp_path), HASTY) as address:
        yield address


@pytest.mark.parametrize(
    ("start", "status", "code"),
    [
        (GET + b"X-Long: ", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"headers_too_large"),
        (GET, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"headers_too_large"),
        (b"GET /", HTTPStatus.REQUEST_URI_TOO_LONG, b"url_too_long"),
        (b"GET /healthz?", HTTPStatus.REQUEST_URI_TOO_LONG, b"url_too_long"),
        (b"", HTTPStatus.BAD_REQUEST, b"malformed_request"),
    ],
    ids=["one header", "a header's name", "path", "query", "method"],
)
async def test_a_head_without_end_is_refused_before_it_is_read(
    address: Address, start: bytes, status: HTTPStatus, code: bytes
) -> None:
    wire = await address.connect()
    sent = await wire.send(start, *[b"a" * MEGABYTE] * HOSTILE_MEGABYTES)
    answer = await wire.rest()
    assert sent < MOST_TAKEN
    assert not answer or (status_of(answer) == status and code in answer)  # a reset may overtake the answer


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (GET + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (GET + b"A: b\r\n" * 200 + b"\r\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (b"GET /?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", HTTPStatus.REQUEST_URI_TOO_LONG),
        (b"GET / HTTP/1.1\nHost\n\n", HTTPStatus.BAD_REQUEST),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", HTTPStatus.BAD_REQUEST),
        (GET + b"X-Fine: " + b"a" * 30_000 + b"\r\nConnection: close\r\n\r\n", HTTPStatus.OK),
    ],
    ids=["long header", "many headers", "long query", "no HTTP", "TLS", "just short enough"],
)
async def test_a_refusal_of_a_head_is_a_problem_document(
    address: Address, request_bytes: bytes, status: HTTPStatus
) -> None:
    answer = await address.ask(request_bytes)
    assert status_of(answer) == status
    assert status is HTTPStatus.OK or b"application/problem+json" in answer


async def test_lines_sent_before_or_behind_a_request_are_counted_as_well(address: Address) -> None:
    chunked = b"POST /measure HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    for start, endless in (
        (b"", b"\r\n" * (MEGABYTE // 2)),
        (
            b"POST /measure HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-T: b\r\n" * 131_072,
        ),
        (chunked + b"0\r\nX-T: ", b"a" * MEGABYTE),
        (chunked + b"5;", b"a" * MEGABYTE),
    ):
        wire = await address.connect()
        assert await wire.send(start, *[endless] * HOSTILE_MEGABYTES) < MOST_TAKEN
        await wire.rest()


async def test_headers_that_trail_a_body_never_become_headers_of_the_request(address: Address) -> None:
    head = b"POST /measure HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await address.ask(head, b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert answer.endswith(b'{"bytes":3,"headers":3}')


async def test_a_body_that_is_no_longer_read_ends_the_connection(address: Address) -> None:
    wire = await address.connect()
    head = b"POST /measure HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n"
    assert await wire.send(head, *[b"a" * MEGABYTE] * HOSTILE_MEGABYTES) < MOST_TAKEN


async def test_a_crowd_of_pipelined_requests_is_refused(address: Address) -> None:
    answer = await address.ask((GET + b"\r\n") * 5_000)
    assert b"too_many_pipelined" in answer or answer.count(b"HTTP/1.1 200") < 100


async def test_a_few_pipelined_requests_are_all_answered(address: Address) -> None:
    answer = await address.ask((GET + b"\r\n") * 9 + GET + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 10


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (GET, b"headers_too_slow"),
        (b"POST /measure HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1234", b"body_too_slow"),
        (b"POST /plain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1234", b"body_too_slow"),
        (GET + b"\r\n" + b"GET /hea", b"headers_too_slow"),
    ],
    ids=["head", "body", "body at a fast route", "second head"],
)
async def test_a_half_open_request_is_ended_with_a_408(hasty: Address, start: bytes, code: bytes) -> None:
    answer = await hasty.ask(start)
    assert b"HTTP/1.1 408 " in answer
    assert code in answer


async def test_a_client_that_drips_bytes_gains_no_time(hasty: Address) -> None:
    wire = await hasty.connect()
    closed = asyncio.ensure_future(wire.rest())
    await wire.send(GET + b"X-Slow: ")
    while not closed.done():
        await wire.send(b"a")
        await asyncio.sleep(0.05)
    assert b"headers_too_slow" in await closed


async def test_a_connection_that_says_nothing_is_closed_without_a_word(hasty: Address) -> None:
    assert await hasty.ask() == b""


async def test_hundreds_of_half_open_requests_are_gone_after_a_while(tmp_path: Path) -> None:
    async with served(small_app(tmp_path), HASTY) as address:
        wires = [await address.connect() for _ in range(300)]
        for wire in wires:
            await wire.send(GET)
        answers = await asyncio.gather(*(wire.rest() for wire in wires))
        assert all(b"408" in answer for answer in answers)
        assert status_of(await address.ask(GET + b"Connection: close\r\n\r\n")) == HTTPStatus.OK


async def test_a_client_that_reads_nothing_of_its_answer_is_cut_off(hasty: Address) -> None:
    series = 'followup_http_connections_refused_total{reason="answer_not_taken"}'
    before = _count(series)
    wire = await hasty.connect()
    await wire.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: _count(series) > before)
    assert len(await wire.rest()) < 8_000_000


async def test_there_are_only_so_many_connections_and_the_next_one_is_refused(tmp_path: Path) -> None:
    async with served(small_app(tmp_path), ConnectionLimits(connections=5)) as address:
        held = [await address.connect() for _ in range(5)]
        for wire in held:
            await wire.send(GET + b"\r\n")
            assert status_of(await wire.answer()) == HTTPStatus.OK
        refused = await address.ask(GET + b"\r\n")
        assert status_of(refused) == HTTPStatus.SERVICE_UNAVAILABLE
        assert b"too_many_connections" in refused
        assert b"retry-after" in refused
        await held[0].close()
        await until(lambda: _count("followup_http_connections") < 5)
        assert status_of(await address.ask(GET + b"Connection: close\r\n\r\n")) == HTTPStatus.OK


async def test_one_address_holds_only_so_many_connections_unless_it_is_a_trusted_proxy(tmp_path: Path) -> None:
    for proxies, status in (("10.0.0.0/8", HTTPStatus.SERVICE_UNAVAILABLE), ("127.0.0.0/8", HTTPStatus.OK)):
        limits = ConnectionLimits(connections_per_address=3, trusted_proxies=Networks.of(proxies))
        async with served(small_app(tmp_path), limits) as address:
            for _ in range(3):
                wire = await address.connect()
                await wire.send(GET + b"\r\n")
                assert status_of(await wire.answer()) == HTTPStatus.OK
            assert status_of(await address.ask(GET + b"Connection: close\r\n\r\n")) == status


async def test_a_client_that_hangs_up_is_no_error(address: Address, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = _count("followup_http_clients_gone_total")
    for path in (b"/measure", b"/plain"):
        wire = await address.connect()
        await wire.send(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc")
        await asyncio.sleep(0)
        await wire.close()
    await until(lambda: _count("followup_http_clients_gone_total") > before)
    for _ in range(20):
        assert status_of(await address.ask(GET + b"Connection: close\r\n\r\n")) == HTTPStatus.OK
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_another_protocol_asked_for_is_answered_in_ours_without_a_warning(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await address.ask(GET + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n")
    assert status_of(answer) == HTTPStatus.OK
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_ipv6_subscriber_is_counted_as_one_and_networks_hold_addresses_alone() -> None:
    assert subscriber_of("2001:db8::1") == subscriber_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert subscriber_of("::ffff:192.0.2.7") == "192.0.2.7"
    private = Networks.of("10.0.0.0/8, ::1")
    assert private.contain("10.1.2.3")
    assert private.contain("::1")
    assert not private.contain("11.0.0.1")
    assert not private.contain("10.example.com")
    assert is_loopback("127.8.8.8")
    assert not is_loopback("localhost.example.com")


def _count(series: str) -> float:
    lines = exposition().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} "))
