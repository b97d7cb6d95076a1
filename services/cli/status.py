"""`followup status`: whether the running process is ready, and what it is doing."""

import asyncio
import importlib.metadata
import json
from collections.abc import Sequence
from typing import Any

import httpx2
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.markup import escape

from services.cli.api_client import ClientSettings
from services.cli.options import DataOption, settings_of
from services.embedded import PROCESS_FILE
from shared.errors import ConfigurationFault
from shared.http.auth import MERCHANT_HEADER
from shared.settings import ProcessSettings

_ANSWER_SECONDS = 10
_FIRST_STEPS = """{merchant} has no follow-ups yet. The next three steps:
  1. followup lint                     explains every mistake in {merchant}'s files
  2. followup trigger purchase --merchant {merchant} --to +1... --consent all
                                       a made-up purchase, to your own phone
  3. point the shop's webhooks at {url}/v1/webhooks/SOURCE/{merchant}, or report to POST {url}/v1/events"""
_SHOWN = {
    "followup_timers_oldest_due_seconds": ("oldest text that is due", "{:,.0f} s late"),
    "followup_parked_events": ("parked events", "{:,.0f}"),
    "followup_event_loop_lag_seconds": ("event loop", "{:,.2f} s late"),
    "followup_outbox_rows": ("events waiting for Kafka", "{:,.0f}"),
    "process_resident_memory_bytes": ("memory", "{:,.0f} bytes"),
}
"""What is reported of the metrics, and how; of those that each service has, only what is not nothing."""


def status(data: DataOption = None) -> None:
    """Report whether the running process is ready, and what it is doing.

    Asks the process of the data folder, or the one that FOLLOWUP_URL names; exits with 0 when it is ready, else with 1.

    Example: followup status
    Example: FOLLOWUP_URL=http://scheduler:8080 followup status
    """
    url, token, merchants = _running(settings_of(data_dir=data))
    ready, scraped = asyncio.run(_ask(url, token))
    console = Console(highlight=False)
    version = importlib.metadata.version("followup")
    is_ready = ready.get("status") in {"ok", "degraded"}
    console.print(f"{url}: {'[green]ready[/]' if is_ready else '[red]not ready[/]'} (this command: followup {version})")
    for kind, colour in (("problems", "red"), ("concerns", "yellow")):
        for where, problem in dict(ready.get(kind) or {}).items():
            console.print(f"  [{colour}]{where}[/]: {escape(str(problem))}", soft_wrap=True)
    for line in reported(scraped):
        console.print(f"  {line}", soft_wrap=True)
    for merchant in merchants if is_ready else ():
        counted = asyncio.run(_counted(url, token, merchant))
        if counted == {}:
            console.print(_FIRST_STEPS.format(merchant=escape(merchant), url=url), soft_wrap=True)
        elif counted is not None:
            words = ", ".join(f"{count:,} {state}" for state, count in counted.items())
            console.print(f"{escape(merchant)}: {words}", soft_wrap=True)
    raise typer.Exit(0 if is_ready else 1)


def reported(scraped: str) -> list[str]:
    """Return a line for each metric of a process that says how it does."""
    found: dict[str, list[tuple[str, float]]] = {}
    for family in text_string_to_metric_families(scraped):
        for sample in family.samples:
            if sample.name in _SHOWN:
                found.setdefault(sample.name, []).append((" ".join(sample.labels.values()), float(sample.value)))
    return [f"{words}: {_amounts(found[name], form)}" for name, (words, form) in _SHOWN.items() if name in found]


def _amounts(samples: list[tuple[str, float]], form: str) -> str:
    """Return the value of a metric, or of each service in which it is not nothing."""
    parts = [f"{form.format(value)}{f' in {where}' if where else ''}" for where, value in samples if value or not where]
    return ", ".join(parts) or "none"


def _running(settings: ProcessSettings) -> tuple[str, str, Sequence[str]]:
    """Return the address of the process, a token for it, and its merchants where its data folder names them.

    Raises:
        ConfigurationFault: no process runs on this data folder, and none is named.
    """
    remote = ClientSettings()
    if remote.url:
        return remote.url.rstrip("/"), remote.token, ()
    note = settings.data_dir / PROCESS_FILE
    try:
        running = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigurationFault(
            f"no process runs on the data folder {settings.data_dir}; start one with `followup run`, or choose "
            "the folder with --data or the process with FOLLOWUP_URL"
        ) from None
    return str(running["url"]), str(running["token"]), [str(name) for name in running.get("merchants", ())]


async def _ask(url: str, token: str) -> tuple[dict[str, Any], str]:
    """Return the process's answer about its health, and its metrics; no metrics where it does not show them.

    Raises:
        ConfigurationFault: it does not answer.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(base_url=url, timeout=_ANSWER_SECONDS, headers=headers) as client:
        try:
            ready = await client.get("/readyz")
            metrics = await client.get("/metrics")
        except httpx2.TransportError as problem:
            raise ConfigurationFault(
                f"{url} does not answer ({type(problem).__name__}); has the process stopped?"
            ) from None
    try:
        answer = ready.json()
    except ValueError:
        raise ConfigurationFault(f"{url} is not a Followup process: /readyz answered {ready.status_code}") from None
    return answer, metrics.text if metrics.is_success else ""


async def _counted(url: str, token: str, merchant: str) -> dict[str, int] | None:
    """Return how many follow-ups of a merchant are in each state, without those of none; None where nobody can say."""
    headers = {"Authorization": f"Bearer {token}", MERCHANT_HEADER: merchant}
    async with httpx2.AsyncClient(base_url=url, timeout=_ANSWER_SECONDS, headers=headers) as client:
        try:
            answer = await client.get("/v1/overview")
            states = answer.json()["states"] if answer.is_success else None
            return states and {str(each["state"]): int(each["count"]) for each in states if each["count"]}
        except (httpx2.TransportError, ValueError, KeyError):
            return None
