"""What docker-compose.yml starts, started as processes: its commands and settings on a real Kafka and PostgreSQL.

No container engine is needed; what only one can show (images, networks, volumes) is not shown here.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import yaml

from deploy.prepare import prepare
from services.demo.actions import DemoActions, Secrets
from services.demo.environment import PHONE
from shared.clock import SystemClock
from shared.testing.connected import Server
from shared.testing.process import Process, free_port
from shared.testing.waiting import until
from shared.vocabulary.service_names import EVENT_SERVICES
from tests.connected.prometheus import Prometheus, prometheus
from tests.deploy.documents import ROOT, SERVICES, environment_of, interpolated
from tests.deploy.ingress import nginx
from tests.deploy.promtool import ALERTS_FILE
from tests.docs.snippets import DOCS, request_of, snippets
from tools.dashboards.__main__ import dashboards, queries_of
from tools.dashboards.promql import fill_in, metrics, metrics_in

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

START_SECONDS = 60.0
KAFKA_METRICS = {"followup_consumer_lag_events", "followup_consumer_partitions", "followup_outbox_relay_active"}


@dataclass(slots=True)
class Composed:
    """All services running, as Compose would start them."""

    actions: DemoActions
    ports: Mapping[str, int]
    server: Prometheus


class Composition:
    """The compose file with this machine's addresses in it."""

    def __init__(self, folder: Path, database: str, kafka: str) -> None:
        self.folder, self.state = folder, folder / "state"
        self.ports = {name: free_port() for name in (*SERVICES, "simulator", "ingress")}
        prepare(folder / ".env", self.state)
        self.environment = environment_of(folder / ".env")
        text = interpolated((ROOT / "docker-compose.yml").read_text(encoding="utf-8"), self.environment)
        secrets = yaml.safe_load(text)["secrets"]
        places = {
            f"/run/secrets/{name}": self.state / "secrets" / Path(each["file"]).name for name, each in secrets.items()
        }
        for here, there in {
            "@postgresql:5432/followup": f"@{database}",
            "kafka:9092": kafka,
            "http://localhost:8080": self.url("ingress"),
            "http://ingress:8080": self.url("ingress"),
            "http://scheduler:8080": self.url("scheduler"),
            "http://metrics:8080": self.url("metrics"),
            "/data/simulator.db": str(self.state / "simulator" / "simulator.db"),
            **{place: str(path) for place, path in places.items()},
        }.items():
            assert here in text, f"{here} is not in the compose file any more"
            text = text.replace(here, there)
        self.containers: Mapping[str, dict[str, Any]] = yaml.safe_load(text)["services"]
        self.prefix = f"{folder.name}-{uuid.uuid4().hex[:8]}-"
        for path in self.state.glob("merchants/acme/**/*.yaml"):
            shop = path.read_text(encoding="utf-8").replace("wait: 1m", "wait: 1s")
            for name, there in (
                ("localhost:8080", "ingress"),
                ("ingress:8080", "ingress"),
                ("simulator:8090", "simulator"),
            ):
                shop = shop.replace(f"http://{name}", self.url(there))
            path.write_text(shop, encoding="utf-8")

    def url(self, name: str) -> str:
        """Return the address of a container's port on this machine."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def process(self, name: str) -> Process:
        """Return a container of ours as a process, not started."""
        container = self.containers[name]
        own = {
            "FOLLOWUP_KAFKA_PREFIX": self.prefix,
            "FOLLOWUP_HOST": "127.0.0.1",
            "FOLLOWUP_MERCHANTS_DIR": str(self.state / "merchants"),
        }
        if name in self.ports:
            own["FOLLOWUP_PORT"] = str(self.ports[name])
        arguments = container["command"]
        if name == "simulator":
            arguments = ["services.simulator", *(_local(each, self.ports[name]) for each in arguments)]
        else:
            arguments = ["services.cli", *arguments]
        environment = {key: str(value) for key, value in container.get("environment", {}).items()}
        return Process(arguments, self.folder / f"{name}.log", {**environment, **own}, is_fresh=True)


def _local(argument: str, port: int) -> str:
    """Return an argument of the simulated provider for this machine."""
    return {"--host=0.0.0.0": "--host=127.0.0.1", "--port=8090": f"--port={port}"}.get(argument, argument)


@pytest.fixture
async def database(postgresql: Server) -> str:
    """A database of its own: host, port and name."""
    name = f"composed_{uuid.uuid4().hex[:8]}"
    owner = await asyncpg.connect(postgresql.address)
    await owner.execute(f'CREATE DATABASE "{name}"')
    await owner.close()
    server = httpx2.URL(postgresql.address.replace("postgresql://", "http://"))
    return f"{server.host}:{server.port}/{name}"


@pytest.fixture
async def composed(tmp_path: Path, database: str, kafka: Server) -> AsyncIterator[Composed]:
    """The application as the compose file describes it."""
    composition = Composition(tmp_path, database, kafka.address)
    async with AsyncExitStack() as stack:
        migration = composition.process("migrate")
        await migration.start()
        stack.push_async_callback(migration.stop)
        assert await migration.ended(START_SECONDS) == 0, migration.log.read_text(encoding="utf-8")
        running = {name: composition.process(name) for name in (*SERVICES, "simulator")}
        for process in running.values():
            await process.start()
            stack.push_async_callback(process.stop)
        for name, process in running.items():
            door = "/simulator/health" if name == "simulator" else "/healthz"
            await process.ready(composition.url(name) + door)
        addresses = {name: composition.url(name) for name in running}
        client = await stack.enter_async_context(nginx(tmp_path, composition.ports["ingress"], addresses))
        targets = [f"127.0.0.1:{composition.ports[name]}" for name in SERVICES]
        server = await stack.enter_async_context(prometheus(targets, ALERTS_FILE))
        given = composition.environment
        api_key = (composition.state / "secrets" / "api-key").read_text(encoding="utf-8")
        secrets = Secrets(given["ACME_SHOPIFY_SECRET"], given["ACME_TWILIO_TOKEN"], api_key)
        yield Composed(DemoActions(client, secrets, tmp_path / "clock", PHONE), composition.ports, server)


async def test_an_order_becomes_a_text_and_a_stop_is_heard_through_the_ingress(composed: Composed) -> None:
    actions, client = composed.actions, composed.actions.client
    await client.send(_shown_on_the_page(actions))
    answer = await actions.place_order(number=1, minor=4900, at=SystemClock().now())
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")

    async def delivered() -> bool:
        found = await actions.ask("/v1/follow-ups/search", {"to": PHONE})
        return [each["state"] for each in (found or {}).get("follow_ups", [])] == ["delivered"] * 2

    await until(delivered, START_SECONDS)
    bodies = " ".join(text["body"] for text in await actions.texts_received())
    assert "Hello from seven services." in bodies
    assert "Thanks Ana!" in bodies
    assert (await actions.reply("STOP")).is_success

    async def is_revoked() -> bool:
        found = await actions.ask("/v1/recipients/standing", {"to": PHONE})
        return bool(found) and found["consents"].get("marketing", {}).get("status") == "revoked"

    await until(is_revoked, START_SECONDS)

    async def is_counted() -> bool:
        found = await actions.read("/v1/kpis")
        return any(kpi["name"] == "delivery_rate" and kpi["numerator"] for kpi in (found or {}).get("kpis", []))

    await until(is_counted, START_SECONDS)
    assert (await client.get("/metrics")).status_code == 404
    await _panels_of_the_kafka_log_have_data(composed.server)


def _shown_on_the_page(actions: DemoActions) -> httpx2.Request:
    """Return the request that docs/how-to/distributed.md proposes."""
    [command] = [
        line
        for each in snippets(DOCS / "how-to" / "distributed.md")
        for line in each.text.splitlines()
        if line.startswith("curl ")
    ]
    given = {"$(cat data/compose/secrets/api-key)": actions.secrets.api_key}
    return request_of(command, {**given, "http://localhost:8080": str(actions.client.base_url).rstrip("/")})


async def _panels_of_the_kafka_log_have_data(server: Prometheus) -> None:
    await server.has_scraped_again()

    async def all_are_up() -> bool:  # a busy service may answer one scrape too late
        return await server.value('count(up{job="followup"} == 1)') == len(SERVICES)

    await until(all_are_up, START_SECONDS)
    asked = 0
    for board in dashboards(metrics()).values():
        for title, expr in queries_of(board):
            if metrics_in([expr]) & KAFKA_METRICS:
                asked += 1
                assert await server.ask(fill_in(expr, over="5m")), title
    assert asked > 2
    assert await server.value("sum(followup_outbox_relay_active)") == len(EVENT_SERVICES)
    assert await server.value("min(sum by (service) (followup_consumer_partitions))") is not None
