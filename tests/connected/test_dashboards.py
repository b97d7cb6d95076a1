"""Every query of every panel and rule, asked of a real Prometheus that watches an application at work."""

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from services.demo.actions import DemoActions, Secrets
from services.demo.environment import PHONE
from services.demo.story import Story
from shared.clock import SystemClock, write_offset
from shared.testing.process import API_KEY, AUTH_TOKEN, SHOPIFY_SECRET, application_process, free_port, write_shop
from tests.connected.prometheus import Prometheus, prometheus
from tests.deploy.promtool import ALERTS_FILE, has_data, made_up, prove
from tools.dashboards.__main__ import dashboards, queries_of
from tools.dashboards.alerts import ALERTS
from tools.dashboards.promql import fill_in, metrics, metrics_in

pytestmark = [pytest.mark.connected, pytest.mark.asyncio(loop_scope="module")]

KNOWN = metrics()
QUERIES = [(f"{name}: {title}", expr) for name, board in dashboards(KNOWN).items() for title, expr in queries_of(board)]
SHARE_SEEN_AT_WORK = 0.65
"""The rest counts what a healthy application does not do, or what only Kafka does: that is proven on made-up series."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """A Prometheus that saw an application, in a process of its own, tell the demo's story of two people."""
    folder, port = tmp_path_factory.mktemp("watched"), free_port()
    url, clock_file = f"http://127.0.0.1:{port}", folder / "clock"
    flow = files("services.demo") / "merchants" / "acme" / "flows" / "order-thank-you.yaml"
    merchants = write_shop(folder, application=url, provider=url, flow=flow.read_text(encoding="utf-8"))
    write_offset(clock_file, timedelta())
    application = application_process(folder, port, merchants, FOLLOWUP_CLOCK_FILE=str(clock_file))
    await application.start()
    try:
        await application.ready(f"{url}/readyz")
        async with (
            prometheus([f"127.0.0.1:{port}"], ALERTS_FILE) as server,
            httpx2.AsyncClient(base_url=url, timeout=10) as client,
        ):
            await server.has_scraped_again()
            for phone in (PHONE, "+12125550124"):
                actions = DemoActions(client, Secrets(SHOPIFY_SECRET, AUTH_TOKEN, API_KEY), clock_file, phone)
                story = Story(actions, SystemClock(clock_file).now, lambda _title, _sentence: None, 20)
                assert await story.run() is None
                await trouble(client)
                await server.has_scraped_again()
            yield server
    finally:
        await application.stop()


async def trouble(client: httpx2.AsyncClient) -> None:
    """Do what strangers do: unsigned webhooks and callbacks, links that lead nowhere."""
    refused = [
        await client.post("/v1/webhooks/shopify/acme", content=b"{}"),
        await client.post("/v1/providers/main/acme/replies", data={"Body": "STOP"}),
    ]
    assert [answer.is_client_error for answer in refused] == [True, True]
    assert (await client.get("/r/nowhere")).status_code == httpx2.codes.NOT_FOUND


async def test_every_query_of_every_panel_has_data(watched: Prometheus, tmp_path: Path) -> None:
    missing = []
    for title, expr in QUERIES:
        values = [float(sample["value"][1]) for sample in await watched.ask(fill_in(expr, over="5m"))]
        if not values or all(math.isnan(value) for value in values):
            missing.append((title, expr))
    assert len(missing) < len(QUERIES) * (1 - SHARE_SEEN_AT_WORK), [title for title, _ in missing]
    prove(tmp_path, [(made_up(expr, KNOWN), {has_data(expr): 1}) for _, expr in missing])


EXTRAPOLATED = 1.05
"""Prometheus stretches what it saw to the ends of the range, each counter by a little more or less."""


async def test_the_figures_agree_with_the_story(watched: Prometheus) -> None:
    panels = dict(QUERIES)
    ask = watched.value

    async def figure(title: str) -> float:
        found = await ask(fill_in(panels[f"follow-ups: {title}"], over="5m"))
        assert found is not None
        return found

    assert await figure("Texts accepted") > 0
    assert 0 < await figure("Delivered") <= EXTRAPOLATED
    assert await figure("Clicked") > 0
    assert await figure("Opted out") > 0
    assert await figure("Converted") > 0
    assert await ask("max(followup_verdicts_total{decision='block', reason='opted_out'})") == 2
    assert await ask(panels["operations: Duplicate sends detected, 24 h"]) == 0


async def test_prometheus_judges_every_rule_and_none_fires_on_an_application_that_works(watched: Prometheus) -> None:
    judged = {rule["name"]: rule for rule in await watched.rules()}
    assert set(judged) == {alert.name for alert in ALERTS}
    assert {name: rule.get("lastError") for name, rule in judged.items() if rule["health"] != "ok"} == {}
    assert {name for name, rule in judged.items() if rule["state"] == "firing"} == set()


async def test_what_each_rule_looks_at_is_exposed_by_the_application_or_by_a_kafka_log(watched: Prometheus) -> None:
    said = {sample["metric"]["__name__"] for sample in await watched.ask('{job="followup"}')}
    families = {name.removesuffix(part) for name in said for part in ("", "_bucket", "_count", "_sum")}
    labelled = {name for name, metric in KNOWN.items() if metric.labels}
    silent = metrics_in(alert.expr for alert in ALERTS) - families
    assert silent <= labelled, "a metric without labels is always said"
