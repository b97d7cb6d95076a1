"""A running process says that something of it has ended, whichever part it is."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from services.demo.environment import running_demo
from shared.housekeeping import BROKEN_FILES
from shared.telemetry import logs


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Give the process its loggers back: these write to a stream that ends with the test."""
    handlers = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


async def test_whichever_long_task_ends_the_process_is_not_alive_and_names_it(tmp_path: Path) -> None:
    names = await long_tasks(tmp_path / "first")
    assert {"scheduler:fire", "sender:dispatch", "compliance:events", "process:reload", "ingest:retention"} <= names
    async with running_demo(tmp_path / "second") as running, httpx2.AsyncClient(base_url=running.address) as client:
        assert (await client.get("/healthz")).status_code == 200
        cancelled: set[str] = set()
        for name in sorted(names):
            [task] = [task for task in asyncio.all_tasks() if task.get_name() == name]
            task.cancel()
            await asyncio.wait([task])
            cancelled.add(name)
            answer = await client.get("/healthz")
            assert answer.status_code == 503
            reported = str(answer.json()["problems"])
            assert all(f"the task {each} ended: cancelled" in reported for each in cancelled)
            assert (await client.get("/readyz")).status_code == 503


async def test_a_file_that_breaks_is_reported_in_every_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_demo(tmp_path / "demo") as running, httpx2.AsyncClient(base_url=running.address) as client:
        logs.configure("info", form="json")
        flow = tmp_path / "demo" / "merchants" / "acme" / "flows" / "order-thank-you.yaml"
        good = flow.read_text("utf-8")
        flow.write_text("flow: [", encoding="utf-8")
        broken = await seen(client, lambda answer: answer["status"] == "degraded")
        assert "order-thank-you.yaml" in broken["concerns"]["merchant files"]
        assert "order-thank-you" in running.application.runtime.merchants.merchants[0].flows
        assert BROKEN_FILES._value.get() == 1
        key = {"Authorization": f"Bearer {running.secrets.api_key}"}
        assert (await client.get("/v1/flows", headers=key)).is_success
        flow.write_text(good.replace("order-thank-you", "thank-you"), encoding="utf-8")
        await seen(client, lambda answer: answer["status"] == "ok")
        said = capsys.readouterr().err
        assert "acme: flow thank-you added" in said
        assert "acme: flow order-thank-you removed" in said


async def seen(client: httpx2.AsyncClient, is_there: Callable[[Any], bool]) -> Any:
    """Ask whether the process is ready until its answer is the one."""
    for _ in range(300):
        answer = await client.get("/readyz")
        if is_there(answer.json()):
            assert answer.status_code == 200
            return answer.json()
        await asyncio.sleep(0.1)
    raise AssertionError(answer.json())


async def long_tasks(folder: Path) -> set[str]:
    """Return the names of the tasks that run as long as the process does."""
    before = {task.get_name() for task in asyncio.all_tasks()}
    async with running_demo(folder):
        return {name for task in asyncio.all_tasks() if ":" in (name := task.get_name()) and name not in before}
