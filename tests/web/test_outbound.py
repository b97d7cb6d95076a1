"""The outbound client against a real server: it goes where it checked, reads no more than it must, waits no longer."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.errors import ConfigurationFault
from shared.http.networks import Networks
from shared.http.outbound import (
    MOST_ANSWER_BYTES,
    OutboundAnswer,
    OutboundClient,
    OutboundFailure,
    OutboundProblem,
    OutboundSettings,
)
from shared.http.outbound_names import MOST_LOOKUPS_OF_ONE, NameLookups
from tests.certificates import tls_of
from tests.web_receiver import ReceivedRequest, WebReceiver, receiving

LOOPBACK = Networks.of("127.0.0.0/8")


@pytest.fixture
async def receiver() -> AsyncIterator[WebReceiver]:
    async with receiving() as server:
        yield server


def names(**known: list[str]) -> NameLookups:
    """Return lookups that know these names alone; an underscore stands for a dot."""
    table = {name.replace("_", "."): addresses for name, addresses in known.items()}

    def look_up(host: str) -> list[str]:
        if host not in table:
            raise OSError(host)
        return table[host]

    return NameLookups(look_up)


def problem_of(result: OutboundAnswer | OutboundFailure) -> OutboundProblem:
    assert isinstance(result, OutboundFailure), result
    return result.problem


async def test_a_body_arrives_once_with_its_headers_at_the_name_that_was_written(receiver: WebReceiver) -> None:
    client = OutboundClient(LOOPBACK, names=names(hooks_example=["127.0.0.1"]))

    result = await client.post(receiver.url("/a?b=c", "hooks.example"), b"{}", {"webhook-id": "msg_1"}, "acme")

    assert result == OutboundAnswer(204, b"", None)
    (request,) = receiver.requests
    assert request.line == "POST /a?b=c HTTP/1.1"
    assert request.headers["host"] == f"hooks.example:{receiver.port}"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.body == b"{}"


async def test_an_address_that_is_not_public_gets_no_connection(receiver: WebReceiver) -> None:
    client = OutboundClient(Networks(), names=names(rebound_example=["127.0.0.1"]))

    for address in [
        receiver.url(),
        receiver.url(host="rebound.example"),
        receiver.url(host="[::ffff:127.0.0.1]"),
        receiver.url(scheme="https"),
    ]:
        found = problem_of(await client.post(address, b"", {}, "acme"))
        assert found in {OutboundProblem.ADDRESS_FORBIDDEN, OutboundProblem.NAME_UNKNOWN}

    assert receiver.connections == 0


async def test_odd_spellings_of_this_machine_get_no_connection(receiver: WebReceiver) -> None:
    client = OutboundClient(Networks())

    for host in [
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "127.0.0.1.",
    ]:
        found = problem_of(await client.post(receiver.url(host=host), b"", {}, "acme"))
        assert found in {OutboundProblem.ADDRESS_FORBIDDEN, OutboundProblem.NAME_UNKNOWN}, host

    assert receiver.connections == 0


async def test_one_forbidden_address_among_public_ones_forbids_the_call() -> None:
    client = OutboundClient(Networks(), names=names(mixed_example=["93.184.216.34", "169.254.169.254"]))

    assert problem_of(await client.post("https://mixed.example/", b"", {}, "acme")) is OutboundProblem.ADDRESS_FORBIDDEN


async def test_a_name_that_changes_after_the_check_leads_to_the_address_that_was_checked(receiver: WebReceiver) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]])
    client = OutboundClient(Networks.of("127.0.0.1"), names=NameLookups(lambda _: next(answers)))

    first = await client.post(receiver.url(host="rebinding.example"), b"", {}, "acme")
    second = await client.post(receiver.url(host="rebinding.example"), b"", {}, "acme")

    assert isinstance(first, OutboundAnswer)
    assert problem_of(second) is OutboundProblem.ADDRESS_FORBIDDEN
    assert receiver.connections == 1


async def test_http_is_refused_outside_own_networks() -> None:
    client = OutboundClient(Networks(), names=names(plain_example=["93.184.216.34"]))

    assert problem_of(await client.post("http://plain.example/", b"", {}, "acme")) is OutboundProblem.NOT_ENCRYPTED


@pytest.mark.parametrize(
    "address",
    [
        *("", "hooks.example", "ftp://hooks.example/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "https://"),
        *("https://user:password@hooks.example/", "https://user@hooks.example/", "https://hooks.example:99999/"),
        *("https://[::1/", "//hooks.example/", f"https://hooks.example/{'x' * 2048}"),
    ],
)
async def test_what_is_no_plain_address_is_not_called(address: str) -> None:
    assert problem_of(await OutboundClient(LOOPBACK).post(address, b"", {}, "acme")) is OutboundProblem.ADDRESS_INVALID


async def test_a_redirect_is_not_followed(receiver: WebReceiver) -> None:
    target = receiver.url("/secret")
    receiver.answer = lambda _: f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {target}\r\n\r\n".encode()

    result = await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme")

    assert isinstance(result, OutboundAnswer)
    assert result.status == 307
    assert len(receiver.requests) == 1


async def test_a_proxy_of_the_environment_is_not_used(receiver: WebReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme")

        assert proxy.connections == 0
    assert receiver.connections == 1


async def test_of_an_endless_answer_only_the_beginning_is_read(receiver: WebReceiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 1_000_000

    result = await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme")

    assert isinstance(result, OutboundAnswer)
    assert result.body == b"x" * MOST_ANSWER_BYTES


async def test_a_compressed_answer_is_not_inflated(receiver: WebReceiver) -> None:
    receiver.answer = lambda _: (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    )

    result = await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme")

    assert isinstance(result, OutboundAnswer)
    assert result.body == b"\x1f\x8b\x08\x00"
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


async def test_a_head_without_an_end_is_not_read_to_its_end(receiver: WebReceiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(100_000))

    assert (
        problem_of(await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme"))
        is OutboundProblem.CONNECTION_BROKEN
    )


async def test_a_silent_server_is_left_after_the_time_a_call_has(receiver: WebReceiver) -> None:
    receiver.answer = lambda _: None

    result = await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme", seconds=0.05)

    assert problem_of(result) is OutboundProblem.TIMED_OUT


async def test_a_server_that_sends_a_byte_now_and_then_is_left_as_well(receiver: WebReceiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"

    result = await OutboundClient(LOOPBACK).post(receiver.url(), b"", {}, "acme", seconds=1)

    assert problem_of(result) in {OutboundProblem.CONNECTION_BROKEN, OutboundProblem.TIMED_OUT}


async def test_a_broken_or_closed_connection_is_a_failure_not_an_exception(receiver: WebReceiver) -> None:
    receiver.answer = lambda _: b"SSH-2.0-OpenSSH_9.6\r\n"
    client = OutboundClient(LOOPBACK)

    assert problem_of(await client.post(receiver.url(), b"", {}, "acme")) is OutboundProblem.CONNECTION_BROKEN
    assert problem_of(await client.post("http://127.0.0.1:1/", b"", {}, "acme")) is OutboundProblem.NOT_CONNECTED


async def test_a_header_with_a_line_end_is_not_sent(receiver: WebReceiver) -> None:
    result = await OutboundClient(LOOPBACK).post(receiver.url(), b"", {"webhook-id": "a\r\nx: y"}, "acme")

    assert problem_of(result) is OutboundProblem.CONNECTION_BROKEN
    assert receiver.requests == []


async def test_how_long_the_server_asks_to_wait_is_read(receiver: WebReceiver) -> None:
    asked = iter(["120", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 40, "-5"])

    def answer(_request: ReceivedRequest) -> bytes:
        return f"HTTP/1.1 503 Busy\r\nRetry-After: {next(asked)}\r\nContent-Length: 0\r\n\r\n".encode()

    receiver.answer = answer
    client = OutboundClient(LOOPBACK)

    waits = [await client.post(receiver.url(), b"", {}, "acme") for _ in range(4)]

    assert [wait.retry_after_seconds for wait in waits if isinstance(wait, OutboundAnswer)] == [120, None, None, None]


async def test_hanging_name_servers_of_one_merchant_leave_the_others_alone(receiver: WebReceiver) -> None:
    released = threading.Event()

    def look_up(host: str) -> list[str]:
        if host.endswith("hanging.example"):
            released.wait(30)
        return ["127.0.0.1"]

    client = OutboundClient(LOOPBACK, names=NameLookups(look_up, seconds=0.05))
    calls = [
        client.post(receiver.url(host=f"{n}.hanging.example"), b"", {}, "mallory")
        for n in range(MOST_LOOKUPS_OF_ONE * 3)
    ]
    try:
        hanging = await asyncio.gather(*calls)
        again = await client.post(receiver.url(host="0.hanging.example"), b"", {}, "mallory")
        other = await client.post(receiver.url(host="hooks.example"), b"", {}, "acme")
    finally:
        released.set()

    assert {problem_of(result) for result in [*hanging, again]} == {OutboundProblem.NAME_UNKNOWN}
    assert isinstance(other, OutboundAnswer)
    assert receiver.connections == 1


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    async with receiving(tls_of("hooks.example", tmp_path)) as server:
        known = names(hooks_example=["127.0.0.1"], other_example=["127.0.0.1"])
        stranger = OutboundClient(LOOPBACK, names=known)
        trusting = OutboundClient(LOOPBACK, tmp_path / "cert.pem", names=known)
        address = server.url(host="hooks.example", scheme="https")

        refused = await stranger.post(address, b"", {}, "acme")
        taken = await trusting.post(address, b"", {}, "acme")
        misnamed = await trusting.post(server.url(host="other.example", scheme="https"), b"", {}, "acme")

    assert problem_of(refused) is OutboundProblem.CERTIFICATE_REFUSED
    assert isinstance(taken, OutboundAnswer)
    assert problem_of(misnamed) is OutboundProblem.CERTIFICATE_REFUSED
    assert len(server.requests) == 1


def test_a_file_of_certificates_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="FOLLOWUP_OUTBOUND_CA_FILE"):
        OutboundClient.of(OutboundSettings(ca_file=tmp_path / "missing.pem"))


def test_own_networks_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigurationFault, match="FOLLOWUP_OUTBOUND_NETWORKS"):
        OutboundSettings(networks="10.0.0.0/99")
