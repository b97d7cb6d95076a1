"""Who may ask what: every route of the running application, asked with every kind of key, kept as a table.

`WRITE_PERMISSIONS=1 pytest tests/web/test_permissions.py` writes the table anew; read what changed in it.
"""

import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services import embedded
from shared.config.vocabulary import SCOPES
from shared.http.auth import MERCHANT_HEADER, Requires
from shared.settings import ProcessSettings
from shared.vocabulary.roles import SCOPES_OF, Role
from tests import empty_database

GOLDEN = Path(__file__).parent / "golden" / "permissions.txt"
STRANGER = ("203.0.113.9", 40_000)
THE_CONSOLE = ("127.0.0.1", 40_000)
ALL = "fu_all"
OTHER = "fu_other"
NOBODY = "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f"
REVEALING = {"messages:read", "recipients:reveal"}
"""Scopes that open no route: they show in clear what other keys see masked."""
_FRAMEWORKS_OWN = {"/openapi.json", "/docs", "/docs/oauth2-redirect"}
HEAD = """\
# Who may ask what. From the running application; `WRITE_PERMISSIONS=1 pytest tests/web/test_permissions.py` writes it.
# Columns: no key; a malformed key; another merchant's key, in the name of this one; the operator's token, in the name
# of this merchant; then the scopes that permit the request, or what every key gets.
# After a bar: the roles of the console that may ask it, in a call of the console's (a dash: none), or with a session.
# open: it may be asked. operator: the operator's alone. page: leads to the console's sign-in. Where every key gets 401,
# a platform's or provider's own signature opens, or the simulated provider's credentials.
"""


def token(scope: str) -> str:
    return f"fu_{scope}"


def merchant(name: str, number: str, keys: Iterable[tuple[str, Iterable[str]]]) -> str:
    lines = "\n".join(
        f"  - {{id: k{place}, sha256: {hashlib.sha256(key.encode()).hexdigest()}, scopes: {list(scopes)}}}"
        for place, (key, scopes) in enumerate(keys)
    )
    return f"""
merchant: {name}
brand: {name}
sources: {{shopify: {{secrets: [{{env: SHOPIFY_SECRET}}]}}}}
providers: {{main: {{kind: simulated}}}}
numbers: [{{number: "{number}", provider: main, kind: long_code, registration: registered}}]
api_keys:
{lines}
"""


@asynccontextmanager
async def application(folder: Path) -> AsyncIterator[embedded.Application]:
    keys = [(token(scope), [scope]) for scope in SCOPES]
    texts = {
        "acme": merchant("acme", "+12025550100", [*keys, (ALL, SCOPES)]),
        "other": merchant("other", "+12025550101", [(OTHER, SCOPES)]),
    }
    for name, text in texts.items():
        (folder / "merchants" / name).mkdir(parents=True)
        (folder / "merchants" / name / "merchant.yaml").write_text(text)
    empty_database.put_into(folder / "data")
    settings = ProcessSettings(
        data_dir=folder / "data",
        merchants_dir=folder / "merchants",
        public_url="https://sms.acme.example",
        requests_per_second=1_000_000,
    )
    async with embedded.open_application(settings) as opened:
        yield opened


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[embedded.Application]:
    monkeypatch.setenv("SHOPIFY_SECRET", "s" * 32)
    async with application(tmp_path) as found:
        assert found.simulator is not None
        async with found.simulator.running():
            yield found


def client_of(opened: embedded.Application, address: tuple[str, int]) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(opened.app, client=address, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="https://sms.acme.example")


@pytest.fixture
async def client(opened: embedded.Application) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(opened, STRANGER) as client:
        yield client


def leaves(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield every route, those of included routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from leaves(inner.routes)
        elif getattr(route, "path", None):
            yield route


def dependencies(route: Any) -> Iterable[Any]:
    """Return what FastAPI asks before a route; plain routes have nothing."""
    return getattr(getattr(route, "dependant", None), "dependencies", ())


def operations(opened: embedded.Application) -> list[tuple[str, str]]:
    """Return method and path of every route there is."""
    found = {
        (method, route.path)
        for route in leaves(opened.app.router.routes)
        for method in (getattr(route, "methods", None) or {"GET"}) - {"HEAD", "OPTIONS"}
    }
    return sorted(found, key=lambda operation: (operation[1], operation[0]))


def filled_in(path: str) -> str:
    """Return the address of something that nobody made: an id in its form, a name as it may be."""
    path = path.replace("{reply_id}", "0" * 64)
    return re.sub(r"\{\w+_id\}", NOBODY, re.sub(r"\{right\}", "exports", path)).replace("{name}", "x1")


async def ask(
    client: httpx2.AsyncClient, operation: tuple[str, str], form: dict[str, str] | None = None, /, **headers: Any
) -> str:
    """Return the answer to a request with meaningless parameters and body, or with a form as a page sends it."""
    method, path = operation
    filled = re.sub(r"\{[^}]+\}", "x1", path if form is None else filled_in(path))
    body: dict[str, Any] = {} if method == "GET" else {"json": {"nonsense": 1}} if form is None else {"data": form}
    answer = await client.request(method, filled, params={"nonsense": "1"}, headers=headers, **body)
    code = answer.json().get("code") if "json" in answer.headers.get("content-type", "") else None
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return "operator" if code == "operator_only" else "401"
        case HTTPStatus.FORBIDDEN:
            return "403"
        case HTTPStatus.SEE_OTHER if answer.headers["location"] == "/console/sign-in":
            return "page"
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"broken {status}"
        case _:
            return "open"


@pytest.mark.parametrize(
    ("address", "more", "expected"),
    [
        (THE_CONSOLE, {}, 200),
        (("10.1.2.3", 40_000), {}, 200),
        (THE_CONSOLE, {"X-Followup-Actor": "user:anna"}, 200),
        (THE_CONSOLE, {"X-Followup-Actor": "user:bo"}, 400),
        (THE_CONSOLE, {"X-Forwarded-For": "10.1.2.3"}, 401),
        (THE_CONSOLE, {"Via": "1.1 proxy"}, 401),
        (("8.8.8.8", 40_000), {}, 401),
    ],
    ids=["this machine", "the network", "own name", "another's name", "a proxy", "another proxy", "the world"],
)
async def test_a_call_of_the_console_comes_from_inside_and_in_its_own_name(
    opened: embedded.Application, address: tuple[str, int], more: dict[str, str], expected: int
) -> None:
    made = opened.console.token(
        opened.runtime.clock.now(), person="user:anna", merchant="acme", scopes=["controls:read"], method="GET",
        path="/v1/controls", body=b"",
    )  # fmt: skip
    answer = await client_of(opened, address).get("/v1/controls", headers=bearer(made, **more))
    assert answer.status_code == expected, answer.text


async def test_a_key_that_names_a_person_is_refused(opened: embedded.Application, client: httpx2.AsyncClient) -> None:
    named = {MERCHANT_HEADER: "acme", "X-Followup-Actor": "user:anna"}
    for key in (ALL, opened.operator_token, "fu_unknown"):
        answer = await client.get("/v1/controls", headers=bearer(key, **named))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


PASSWORD = "seven quiet beans roast"


async def cookies_of_roles(client: httpx2.AsyncClient, operator_token: str) -> dict[Role, tuple[str, str]]:
    """Return the cookie of a session for each role, and the token of its forms."""
    found = {}
    for role in Role:
        made = {"name": f"one-{role}", "role": role, "password": PASSWORD}
        headers = bearer(operator_token, **{MERCHANT_HEADER: "acme"})
        assert (await client.post("/console/users", json=made, headers=headers)).is_success
        await client.post("/console/sign-in", data={"name": made["name"], "password": PASSWORD})
        form = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', (await client.get("/console")).text)
        assert form is not None
        found[role] = client.cookies["followup_console"], form[1]
        client.cookies.clear()
    return found


async def roles(
    opened: embedded.Application,
    client: httpx2.AsyncClient,
    operation: tuple[str, str],
    cookies: dict[Role, tuple[str, str]],
) -> str:
    """Return the roles that may ask: of an API's route in a call of the console's, of a page with a session."""
    method, path = operation
    filled = re.sub(r"\{[^}]+\}", "x1", path)
    may = []
    inside = client_of(opened, THE_CONSOLE)
    for role in Role:
        if path.startswith("/console"):
            cookie, form_token = cookies[role]
            form = {"form_token": "" if path == "/console/sign-out" else form_token}  # it would end the session
            answer = await ask(client, operation, form, Cookie=f"followup_console={cookie}")
        else:
            body = b"" if method == "GET" else b'{"nonsense":1}'
            made = opened.console.token(
                opened.runtime.clock.now(),
                person=f"user:{role}",
                merchant="acme",
                scopes=SCOPES_OF[role],
                method=method,
                path=f"{filled}?nonsense=1",
                body=body,
            )
            answer = await ask(inside, operation, **bearer(made))
        if answer == "open":
            may.append(role.value)
    return "all" if len(may) == len(Role) else " ".join(may) or "-"


async def line(
    opened: embedded.Application,
    client: httpx2.AsyncClient,
    operation: tuple[str, str],
    cookies: dict[Role, tuple[str, str]],
) -> str:
    operator_token = opened.operator_token
    named = {MERCHANT_HEADER: "acme"}
    none = await ask(client, operation)
    malformed = await ask(client, operation, Authorization="Bearer ü{}\t'".encode(), **named)
    other = await ask(client, operation, **bearer(OTHER, **named))
    operator = await ask(client, operation, **bearer(operator_token, **named))
    by_scope = {scope: await ask(client, operation, **bearer(token(scope))) for scope in SCOPES}
    opening = [scope for scope, answer in by_scope.items() if answer != "403"]
    keys = " ".join(opening) if len(opening) < len(SCOPES) else f"every key: {'/'.join(sorted(set(by_scope.values())))}"
    may = await roles(opened, client, operation, cookies)
    return f"{operation[0]:<6} {operation[1]:<62} {none:<8} {malformed:<8} {other:<8} {operator:<8} {keys} | {may}"


async def test_every_operation_is_permitted_to_those_in_the_table(
    opened: embedded.Application, client: httpx2.AsyncClient
) -> None:
    cookies = await cookies_of_roles(client, opened.operator_token)
    lines = [await line(opened, client, operation, cookies) for operation in operations(opened)]
    table = HEAD + "\n".join(lines) + "\n"
    if os.environ.get("WRITE_PERMISSIONS"):
        GOLDEN.write_text(table, encoding="utf-8")
    assert table.splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_no_operation_in_the_table_breaks() -> None:
    assert "broken" not in GOLDEN.read_text(encoding="utf-8").removeprefix(HEAD)


async def test_every_scope_opens_something_and_no_route_asks_for_another(opened: embedded.Application) -> None:
    asked = {
        each.call.scope
        for route in leaves(opened.app.router.routes)
        for each in dependencies(route)
        if isinstance(each.call, Requires)
    }
    assert asked.isdisjoint(REVEALING)
    assert asked | REVEALING == set(SCOPES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b'{"to": 1, "\\u0000": []}', "headers": {"Content-Type": "application/json"}},
        {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
        {"content": b"\xff\xfe", "headers": {"Content-Type": "text/plain"}},
        {"params": {"limit": "-1", "from": "yesterday", "to": "x", "cursor": "?", "measure": "none"}},
        {"headers": {"Idempotency-Key": "k" * 1000}},
        {},
    ],
    ids=["no JSON", "a NUL", "deep", "bytes", "query", "header", "nothing"],
)
async def test_without_a_key_an_answer_does_not_say_what_a_request_should_look_like(
    opened: embedded.Application, client: httpx2.AsyncClient, wrong: dict[str, Any]
) -> None:
    guarded = [
        (method, route.path, each.call.scope)
        for route in leaves(opened.app.router.routes)
        for each in dependencies(route)
        if isinstance(each.call, Requires)
        for method in route.methods
    ]
    assert len(guarded) > 20
    for method, path, scope in guarded:
        answer = await client.request(method, re.sub(r"\{[^}]+\}", "not-an-id", path), **wrong)
        assert (method, path, answer.status_code) == (method, path, HTTPStatus.UNAUTHORIZED)
        refused = {**wrong, "headers": {**wrong.get("headers", {}), **bearer(token("metrics:read"))}}
        if scope != "metrics:read":
            answer = await client.request(method, re.sub(r"\{[^}]+\}", "not-an-id", path), **refused)
            assert (method, path, answer.status_code) == (method, path, HTTPStatus.FORBIDDEN)


async def test_what_one_merchant_made_is_not_there_for_another(client: httpx2.AsyncClient) -> None:
    """The key decides the merchant: another merchant's id is an unknown id."""
    mine, other = bearer(ALL), bearer(OTHER)
    person = {"to": "+12125550123"}
    enqueued = {**person, "purpose": "transactional", "text": "Hello.", "due_at": "2030-01-01T00:00:00Z"}
    made = {}
    for path, body in (("/v1/follow-ups", enqueued), ("/v1/exports", person), ("/v1/erasures", person)):
        answer = await client.post(path, json=body, headers={**mine, "Idempotency-Key": "one"})
        assert answer.is_success, answer.text
        made[path] = answer.json().get("id") or answer.json()["follow_up_id"]
    for path, name in made.items():
        assert (await client.get(f"{path}/{name}", headers=mine)).is_success
        assert (await client.get(f"{path}/{name}", headers=other)).status_code == HTTPStatus.NOT_FOUND
        listed = await client.get(path, headers=other)
        assert name not in listed.text
    follow_up = made["/v1/follow-ups"]
    assert (await client.delete(f"/v1/follow-ups/{follow_up}", headers=other)).status_code == HTTPStatus.NOT_FOUND
    for path in ("dispatches", "decisions", "journeys"):
        assert (await client.get(f"/v1/{path}/{follow_up}", headers=other)).status_code == HTTPStatus.NOT_FOUND
