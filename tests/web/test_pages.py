"""Every page of the application: what it may load, and that nothing of it comes from elsewhere."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.demo.environment import RunningDemo, running_demo
from shared.http.docs_page import groups_of

_ELSEWHERE = re.compile(r"""(?:src|href|action)=["']?(?:https?:)?//|@import|url\(""")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningDemo]:
    async with running_demo(tmp_path / "demo") as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/console/sign-in",
        "/console",
        "/console/follow-ups/00000000-0000-7000-8000-000000000000",
        "/simulator",
        "/simulator/phones/+12125550123",
        "/preferences/nonsense",
        "/r/nonsense",
    ],
)
async def test_every_page_has_a_policy_and_loads_nothing_from_elsewhere(running: RunningDemo, path: str) -> None:
    client = running.actions.client
    await client.post("/console/sign-in", data={"key": running.secrets.api_key})
    page = await client.get(path)
    assert page.headers["content-type"].startswith("text/html"), (page.status_code, page.text[:100])
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not _ELSEWHERE.search(page.text)


async def test_the_apis_page_runs_nothing_and_says_everything(running: RunningDemo) -> None:
    client = running.actions.client
    page = (await client.get("/docs")).text
    assert "<script" not in page
    assert "<form" not in page
    document = (await client.get("/openapi.json")).json()
    found = [operation for group in groups_of(document) for operation in group.operations]
    assert len(found) == sum(map(len, document["paths"].values()))
    assert all(f"<code>{operation.path}</code>" in page for operation in found)
    assert "&#34;to&#34;" in page


async def test_the_consoles_cookie_is_not_sent_to_the_apis_page(running: RunningDemo) -> None:
    answer = await running.actions.client.post("/console/sign-in", data={"key": running.secrets.api_key})
    assert "Path=/console;" in answer.headers["set-cookie"]
    docs = running.actions.client.build_request("GET", "/docs")
    assert "cookie" not in docs.headers
