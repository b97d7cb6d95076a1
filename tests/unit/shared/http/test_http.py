"""The HTTP side all services share: problem documents, limits, keys, idempotency, health."""

import hashlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import httpx2
import orjson
import pytest
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shared.config.directory import MerchantDirectory
from shared.config.vocabulary import SCOPES
from shared.errors import ConfigurationFault, DatabaseUnavailable
from shared.http.app import create_app
from shared.http.auth import MERCHANT_HEADER, Caller, Keys, RateLimit, operator_scopes, requires
from shared.http.idempotency import Keyed
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock

TOKEN = "fu_test-key"
MERCHANT = f"""
merchant: acme
brand: Acme
api_keys:
  - {{id: test, sha256: "{hashlib.sha256(TOKEN.encode()).hexdigest()}", scopes: ["follow-ups:read"]}}
"""


class Thing(BaseModel):
    size: int


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def client(tmp_path: Path, clock: FakeClock) -> AsyncIterator[httpx2.AsyncClient]:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "merchant.yaml").write_text(MERCHANT)
    router = APIRouter()

    @router.post("/things")
    async def create(thing: Thing) -> dict[str, int]:
        return {"size": thing.size}

    @router.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.get("/mine")
    async def mine(caller: Annotated[Caller, Depends(requires("follow-ups:read"))]) -> dict[str, str]:
        return {"merchant": caller.merchant.id, "key": caller.key_id}

    @router.get("/forbidden")
    async def forbidden(caller: Annotated[Caller, Depends(requires("things:write"))]) -> dict[str, str]:
        return {"merchant": caller.merchant.id}

    @router.get("/unavailable")
    async def unavailable() -> None:
        raise DatabaseUnavailable

    @router.get("/broken")
    async def broken() -> None:
        raise ConfigurationFault("secret detail")

    async def sick() -> str | None:
        return "the log stands still"

    health = Health()
    health.add("events", sick)
    keys = Keys(MerchantDirectory.load(tmp_path, {}), RateLimit(3, clock), "operator-token")
    app = create_app("test", [router], keys=keys, health=health, max_body_bytes=1000)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        yield client


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


async def test_an_invalid_body_names_the_field_and_the_reason(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/things", json={"size": "large"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["errors"][0]["field"] == "size"


async def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx2.AsyncClient) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    announced = await client.post("/raw", content=b"x" * 1001)
    unannounced = await client.post("/raw", content=stream())
    within = await client.post("/raw", content=b"x" * 1000)
    assert announced.status_code == unannounced.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert announced.json()["code"] == unannounced.json()["code"] == "body_too_large"
    assert within.json() == {"bytes": 1000}


@pytest.mark.parametrize("asked", ["things:read", "things:write"])
def test_the_operators_token_is_asked_for_its_scope(tmp_path: Path, asked: str) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "merchant.yaml").write_text(MERCHANT)
    limit, held = RateLimit(3, FakeClock()), frozenset({"things:read", "others:read"})
    keys = Keys(MerchantDirectory.load(tmp_path, {}), limit, "operator-token", None, held)
    if asked in held:
        caller = keys.operator("operator-token", "acme", [asked])
        assert caller is not None
        assert (caller.is_operator, caller.may("others:read"), caller.may("things:write")) == (True, True, False)
    else:
        with pytest.raises(HTTPProblem, match="FOLLOWUP_OPERATOR_SCOPES"):
            keys.operator("operator-token", "acme", [asked])
        assert keys.operator("operator-token", "acme", [asked, "things:read"]) is not None
        assert keys.operator("another", "acme", [asked]) is None


def test_scopes_of_the_operators_token_are_all_or_those_that_are_named() -> None:
    assert operator_scopes(" ") == frozenset(SCOPES)
    assert operator_scopes("controls:read, metrics:read,") == {"controls:read", "metrics:read"}
    with pytest.raises(ConfigurationFault, match="there is no scope control:read"):
        operator_scopes("control:read")


@pytest.mark.parametrize("token", ["", "fu_wrong", "test-key", "fu_test-key "])
async def test_a_missing_or_wrong_key_gets_the_one_401(client: httpx2.AsyncClient, token: str) -> None:
    answer = await client.get("/mine", headers=bearer(token) if token else {})
    nothing = await client.get("/mine")
    if token.strip() == TOKEN:  # surrounding blanks are not part of a header's value
        assert answer.status_code == HTTPStatus.OK
        return
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.json() == nothing.json()


async def test_the_key_decides_the_merchant_and_its_scopes(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/mine", headers=bearer(TOKEN))).json() == {"merchant": "acme", "key": "test"}
    refused = await client.get("/forbidden", headers=bearer(TOKEN))
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "things:write" in refused.json()["detail"]


async def test_a_key_that_is_said_to_be_another_merchants_is_refused(client: httpx2.AsyncClient) -> None:
    refused = await client.get("/mine", headers=bearer(TOKEN, **{MERCHANT_HEADER: "bravo"}))
    assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.FORBIDDEN, "wrong_merchant")
    assert (await client.get("/mine", headers=bearer(TOKEN, **{MERCHANT_HEADER: "acme"}))).is_success


async def test_the_operators_token_speaks_for_a_merchant_it_names(client: httpx2.AsyncClient) -> None:
    named = await client.get("/mine", headers=bearer("operator-token", **{MERCHANT_HEADER: "acme"}))
    unnamed = await client.get("/mine", headers=bearer("operator-token"))
    unknown = await client.get("/mine", headers=bearer("operator-token", **{MERCHANT_HEADER: "nobody"}))
    assert named.json()["merchant"] == "acme"
    assert unnamed.status_code == unknown.status_code == HTTPStatus.UNAUTHORIZED


async def test_a_key_that_asks_too_often_waits_and_is_served_again(
    client: httpx2.AsyncClient, clock: FakeClock
) -> None:
    codes = [(await client.get("/mine", headers=bearer(TOKEN))).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    clock.advance(seconds=1)
    assert (await client.get("/mine", headers=bearer(TOKEN))).status_code == HTTPStatus.OK


async def test_a_passing_fault_is_503_with_retry_after(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/unavailable")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "database_unavailable"


async def test_a_lasting_fault_is_500_and_keeps_its_detail_for_the_log(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "secret detail" not in answer.text


async def test_an_unknown_path_is_a_problem_document_too(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/nowhere")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.json()["code"] == "not_found"


async def test_health_distinguishes_alive_from_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == HTTPStatus.OK
    ready = await client.get("/readyz")
    assert ready.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert ready.json()["problems"] == {"events": "the log stands still"}


async def test_metrics_are_served_in_the_format_prometheus_reads(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE process_cpu_seconds_total counter" in answer.text


def hashed(text: str) -> bytes:
    return hashlib.sha256(f"secret {text}".encode()).digest()


@pytest.mark.parametrize(("key", "fine"), [(None, True), ("", False), ("k" * 255, True), ("k" * 256, False)])
def test_idempotency_keys_have_one_to_255_characters(key: str | None, fine: bool) -> None:  # noqa: FBT001 - a case
    def keyed() -> Keyed | None:
        return Keyed.of(MerchantId("acme"), key, "/things", {"a": 1}, hashed)

    if fine:
        assert (keyed() is None) == (key is None)
    else:
        with pytest.raises(HTTPProblem):
            keyed()


def test_the_order_of_fields_does_not_make_another_request() -> None:
    def keyed(body: Any) -> Keyed | None:
        return Keyed.of(MerchantId("acme"), "k", "/things", body, hashed)

    assert keyed({"a": 1, "b": 2}) == keyed({"b": 2, "a": 1})
    assert keyed({"a": 1}) != keyed({"a": 2})


def test_what_is_kept_of_a_request_is_no_hash_that_a_guess_could_be_compared_with() -> None:
    keyed = Keyed.of(MerchantId("acme"), "k", "/things", {"to": "+12125550123"}, hashed)
    assert keyed is not None
    guessed = hashlib.sha256(orjson.dumps({"to": "+12125550123"})).digest()
    assert keyed.request_sha256 != guessed
    assert keyed.unkeyed_sha256 == guessed, "a repeat of what an earlier version answered is known"
