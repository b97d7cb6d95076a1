"""The host names a process accepts, and the operator's pages, tested on the assembled application."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from services import embedded
from shared.config.directory import MerchantDirectory
from shared.http.access import KnownHosts, OperatorAccess, host_in
from shared.settings import ProcessSettings
from tests import empty_database

STRANGER = "203.0.113.9"
OPERATORS = (
    "/metrics",
    "/docs",
    "/docs/anything",
    "/openapi.json",
    "/simulator",
    "/simulator/",
    "/simulator/texts",
    "/simulator/phones/+12125550123",
    "/simulator/health",
)
MERCHANT = """
merchant: acme
brand: Acme
links: {base_url: "https://go.acme.example"}
providers:
  main: {kind: simulated, public_url: "https://callbacks.acme.example"}
numbers:
  - {number: "+12025550100", provider: main, kind: long_code, registration: registered}
"""


@asynccontextmanager
async def application(folder: Path, **settings: Any) -> AsyncIterator[embedded.Application]:
    (folder / "merchants" / "acme").mkdir(parents=True)
    (folder / "merchants" / "acme" / "merchant.yaml").write_text(MERCHANT)
    empty_database.put_into(folder / "data")
    given = ProcessSettings(data_dir=folder / "data", merchants_dir=folder / "merchants", **settings)
    given = given.model_copy(update={"public_url": given.address})
    async with embedded.open_application(given) as opened:
        yield opened


def caller(
    opened: embedded.Application, address: str = "127.0.0.1", host: str = "localhost:8080"
) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(opened.app, client=(address, 40_000), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=f"http://{host}")


async def test_the_operators_pages_are_closed_to_whoever_asks_from_elsewhere(tmp_path: Path) -> None:
    async with application(tmp_path, host="0.0.0.0") as opened, caller(opened, STRANGER) as client:
        for path in OPERATORS:
            answer = await client.get(path)
            assert (path, answer.status_code) == (path, HTTPStatus.UNAUTHORIZED)
            assert answer.json()["code"] == "operator_only"
        for path in ("/healthz", "/readyz"):
            assert (await client.get(path)).status_code in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}


async def test_a_strangers_post_to_a_virtual_phone_is_refused(tmp_path: Path) -> None:
    async with application(tmp_path, host="0.0.0.0") as opened, caller(opened, STRANGER) as client:
        answer = await client.post("/simulator/phones/+12125550123/replies", json={"text": "STOP"})
        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert (await client.put("/simulator/faults", json={})).status_code == HTTPStatus.UNAUTHORIZED


async def test_the_operators_token_opens_them_as_bearer_or_as_a_browsers_password(tmp_path: Path) -> None:
    async with application(tmp_path, host="0.0.0.0") as opened, caller(opened, STRANGER) as client:
        password = base64.b64encode(f"operator:{opened.operator_token}".encode()).decode()
        for authorization in (f"Bearer {opened.operator_token}", f"Basic {password}"):
            answer = await client.get("/metrics", headers={"Authorization": authorization})
            assert answer.status_code == HTTPStatus.OK
        for wrong in ("Bearer x", "Basic x", "Basic !", f"Digest {opened.operator_token}", "Bearer", ""):
            answer = await client.get("/metrics", headers={"Authorization": wrong})
            assert answer.status_code == HTTPStatus.UNAUTHORIZED


async def test_the_operators_token_comes_from_a_file_where_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * 40)
    async with application(tmp_path, operator_token_file=tmp_path / "token") as opened:
        assert opened.operator_token == "t" * 40


async def test_this_machine_sees_them_without_a_token(tmp_path: Path) -> None:
    async with application(tmp_path) as opened, caller(opened) as client:
        for path in ("/metrics", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Host": "rebound.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_a_proxy_or_a_rebound_name_does_not_speak_for_this_machine(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with application(tmp_path) as opened, caller(opened) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == HTTPStatus.UNAUTHORIZED


async def test_behind_a_public_address_even_this_machine_needs_the_token(tmp_path: Path) -> None:
    async with application(tmp_path, public_url="https://sms.acme.example") as opened, caller(opened) as client:
        assert (await client.get("/metrics")).status_code == HTTPStatus.UNAUTHORIZED
        assert (await client.get("/simulator")).status_code == HTTPStatus.UNAUTHORIZED


async def test_metrics_alone_are_open_to_the_networks_that_are_named(tmp_path: Path) -> None:
    settings = {"public_url": "https://sms.acme.example", "metrics_networks": "203.0.113.0/24"}
    async with application(tmp_path, **settings) as opened, caller(opened, STRANGER, "10.2.3.4:8080") as client:
        assert (await client.get("/metrics")).status_code == HTTPStatus.OK
        assert (await client.get("/docs")).status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("sms.acme.example", True),
        ("SMS.Acme.Example.:443", True),
        ("go.acme.example", True),
        ("callbacks.acme.example", True),
        ("extra.example", True),
        ("a.b.wild.example", True),
        ("localhost:8080", True),
        ("127.0.0.1", True),
        ("[::1]:8080", True),
        ("wild.example", False),
        ("evilwild.example", False),
        ("rebound.example", False),
        ("localhost.evil.example", False),
        ("sms.acme.example.evil.example", False),
        ("10.0.0.7", False),
        ("0.0.0.0:8080", False),
        ("", False),
    ],
)
async def test_only_known_names_are_answered_to(tmp_path: Path, host: str, is_known: bool) -> None:  # noqa: FBT001 - a column
    settings = {"public_url": "https://sms.acme.example", "hosts": "extra.example, *.wild.example"}
    async with application(tmp_path, **settings) as opened, caller(opened, STRANGER) as client:
        answer = await client.get("/v1/kpis", headers={"Host": host})
        expected = HTTPStatus.UNAUTHORIZED if is_known else HTTPStatus.MISDIRECTED_REQUEST
        assert answer.status_code == expected
        assert answer.json()["code"] == ("unauthorized" if is_known else "unknown_host")
        assert "evil" not in answer.text


async def test_probes_are_answered_by_whatever_name_they_ask(tmp_path: Path) -> None:
    async with (
        application(tmp_path, public_url="https://sms.acme.example") as opened,
        caller(opened, STRANGER) as client,
    ):
        assert (await client.get("/healthz", headers={"Host": "10.1.2.3:8080"})).status_code == HTTPStatus.OK


async def test_two_host_headers_name_no_host(tmp_path: Path) -> None:
    async with application(tmp_path) as opened, caller(opened) as client:
        answer = await client.get("/v1/kpis", headers=[("Host", "localhost"), ("Host", "evil.example")])
        assert answer.status_code == HTTPStatus.MISDIRECTED_REQUEST


def test_the_address_a_connection_arrived_at_is_a_known_name_and_a_star_knows_all() -> None:
    assert KnownHosts([]).know("10.0.0.7", "10.0.0.7")
    assert not KnownHosts(["0.0.0.0", ""]).know("0.0.0.0", "10.0.0.7")
    assert KnownHosts(["*"]).know("anything.example", "")
    assert host_in("[2001:db8::1]:80") == "2001:db8::1"


def test_a_process_bound_to_one_address_of_a_network_asks_everybody_for_the_token() -> None:
    settings = ProcessSettings(public_url="http://192.168.1.5:8080")
    assert not OperatorAccess.of(settings, "token").admits("/docs", "127.0.0.1", "localhost", [])


async def test_a_wider_address_is_warned_of_at_the_start(tmp_path: Path) -> None:
    async with application(tmp_path, host="0.0.0.0") as opened:
        with capture_logs() as lines:
            embedded.warn_of_exposure(opened)
        assert [line["event"] for line in lines] == ["reachable_from_other_machines", "simulated_provider_reachable"]
    async with application(tmp_path / "other") as opened:
        with capture_logs() as lines:
            embedded.warn_of_exposure(opened)
        assert lines == []


def test_a_merchants_addresses_are_names_of_the_application(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "merchant.yaml").write_text(MERCHANT)
    directory = MerchantDirectory.load(tmp_path, {})
    assert directory.hosts() == {"go.acme.example", "callbacks.acme.example"}
