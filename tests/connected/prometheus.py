"""A Prometheus of one's own: it watches a few addresses, often, and answers queries."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from shared.testing.process import free_port
from shared.testing.waiting import until
from tests.deploy.programs import program

SCRAPE_SECONDS = 0.25


@dataclass(slots=True)
class Prometheus:
    """A running server."""

    client: httpx2.AsyncClient

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query, each with `metric` and `value`."""
        answer = await self.client.get("/api/v1/query", params={"query": query})
        assert answer.is_success, f"{query}: {answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    async def value(self, query: str) -> float | None:
        """Return the one value of a query, None where it has none."""
        found = await self.ask(query)
        return float(found[0]["value"][1]) if found else None

    async def has_scraped_again(self, times: int = 2) -> None:
        """Wait for so many scrapes that began after now."""
        count = "min(count_over_time(up[1h]))"
        before = await self.value(count) or 0

        async def has() -> bool:
            return (await self.value(count) or 0) > before + times

        await until(has)

    async def rules(self) -> list[dict[str, Any]]:
        """Return the alert rules as the server judges them."""
        answer = await self.client.get("/api/v1/rules")
        return [rule for group in answer.json()["data"]["groups"] for rule in group["rules"]]


@asynccontextmanager
async def prometheus(targets: Sequence[str], rules: Path) -> AsyncIterator[Prometheus]:
    """Run a server that scrapes targets as the job `followup` and judges a file of rules."""
    binary = program("prometheus", package="prometheus")
    with tempfile.TemporaryDirectory(prefix="followup-prometheus-") as folder:
        configuration = Path(folder) / "prometheus.yml"
        document = {
            "global": {"scrape_interval": f"{int(SCRAPE_SECONDS * 1000)}ms", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "followup", "static_configs": [{"targets": list(targets)}]}],
        }
        document["global"]["scrape_timeout"] = document["global"]["scrape_interval"]  # type: ignore[index]  # a dict
        configuration.write_text(yaml.safe_dump(document), encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        with (Path(folder) / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                binary, f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={address}", stdout=log, stderr=log,
            )  # fmt: skip
        try:
            async with httpx2.AsyncClient(base_url=f"http://{address}", timeout=10) as client:

                async def is_ready() -> bool:
                    assert process.returncode is None, (Path(folder) / "log").read_text(encoding="utf-8")[-2000:]
                    try:
                        return (await client.get("/-/ready")).is_success
                    except httpx2.HTTPError:
                        return False

                await until(is_ready)
                yield Prometheus(client)
        finally:
            process.terminate()
            await process.wait()
