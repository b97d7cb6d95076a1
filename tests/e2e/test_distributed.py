"""The services as processes on a real Kafka and a real PostgreSQL tell the demo's story."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from services.demo.actions import DemoActions, Secrets
from services.demo.environment import PHONE, write_shop
from services.demo.story import Story
from shared.testing.cluster import Cluster, cluster
from shared.testing.connected import Server
from shared.testing.process import AUTH_TOKEN, Process
from shared.vocabulary.service_names import EVENT_SERVICES, SERVICES

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]
PATIENCE_SECONDS = 90.0
_COUNT = "SELECT count(*) FROM {0}.{0}_positions"


@pytest.fixture
async def application(tmp_path: Path, postgresql: Server, kafka: Server) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path, postgresql, kafka) as built:
        yield built


def actions_of(application: Cluster, client: httpx2.AsyncClient) -> DemoActions:
    """Write the demo's shop for this application."""
    made = Secrets.new()
    secrets = Secrets(made.shopify, AUTH_TOKEN, made.api_key)
    write_shop(application.folder / "merchants", application.ingress.url, secrets)
    application.environment.update(secrets.environment())
    return DemoActions(client, secrets, application.clock_file, PHONE)


async def test_one_process_a_service_runs_the_demos_story(application: Cluster) -> None:
    async with httpx2.AsyncClient(base_url=application.ingress.url, timeout=20) as client:
        actions = actions_of(application, client)
        await application.start_all()
        reported: list[str] = []
        story = Story(actions, application.clock.now, lambda title, _sentence: reported.append(title), PATIENCE_SECONDS)
        missing = await story.run()
        assert missing is None, f"not seen: {missing}; seen: {reported}"
        assert reported == [step.title for step in story.steps()]
        key = {"FOLLOWUP_URL": application.ingress.url, "FOLLOWUP_TOKEN": actions.secrets.api_key}
        explained = await said_by(application, ["explain", story.observed.refused_id], **key)
        assert "STOP" in explained or "opted out" in explained
        assert "holds acme" in await said_by(application, ["ledger", "verify"])
        assert "verdicts decided again" in await said_by(application, ["audit"])
        await client.post("/console/sign-in", data={"key": actions.secrets.api_key})
        for page, words in (("/console", "every one accounted for"), ("/console/controls", "Nothing is paused")):
            assert words in (await client.get(page)).text, "the console reaches the services in the caller's name"
        again = await said_by(application, ["relay-again", "--since-minutes", "10"])
        for service in EVENT_SERVICES:
            assert f"{service}: reads " in again
            assert f"{service}: 0 events" not in again or service in {"metrics", "connectors"}, (
                "what was relayed was kept"
            )
        await nothing_changes(client, actions, story.observed.follow_up_id)
        examined = await said_by(application, ["doctor"])
        assert "copies in Kafka: topics have one copy" in " ".join(examined.split())
        assert "relay-again" in examined
        assert [service for service in SERVICES if politeness(application, service)] == ["metrics", "connectors"]


async def nothing_changes(client: httpx2.AsyncClient, actions: DemoActions, follow_up_id: str) -> None:
    """See that what was relayed twice took effect once: one text, one story."""
    headers = {"Authorization": f"Bearer {actions.secrets.api_key}"}
    for _ in range(3):
        story = (await client.get(f"/v1/journeys/{follow_up_id}", headers=headers)).json()
        types = [event["type"] for event in story["events"]]
        assert types.count("dispatch.accepted") == 1
        assert types.count("follow-up.planned") == 1
        dispatch = (await client.get(f"/v1/dispatches/{follow_up_id}", headers=headers)).json()
        assert len(dispatch["attempts"]) == 1
        await asyncio.sleep(0.5)


def politeness(application: Cluster, service: str) -> int:
    """Return how far a service's process steps back for others."""
    child = application.replicas[service, 0].child
    assert child is not None
    return os.getpriority(os.PRIO_PROCESS, child.pid) - os.getpriority(os.PRIO_PROCESS, 0)


async def said_by(application: Cluster, command: list[str], **extra: str) -> str:
    """Run a command as an operator of this application does, and return what it said."""
    process = Process(["services.cli", *command], application.folder / f"{command[0]}.log", application.environment)
    await process.start(**extra)
    code = await process.ended(30)
    said = process.log.read_text(encoding="utf-8")
    assert code == 0, said
    return said


async def test_no_service_can_read_anothers_tables(application: Cluster) -> None:
    for reader in SERVICES:
        connection = await asyncpg.connect(application.environment[f"FOLLOWUP_{reader.upper()}_DATABASE_URL"])
        try:
            assert await connection.fetchval(_COUNT.format(reader)) == 0
            for owner in SERVICES:
                if owner != reader:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.fetchval(_COUNT.format(owner))
        finally:
            await connection.close()
