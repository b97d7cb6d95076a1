"""Neighbours: what others feel of hostile input and of one merchant's flood, under the shipped settings."""

import asyncio
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import yaml

from bench import harness
from bench.harness import BenchHarness, order
from bench.hostile import KINDS, half_open, posting
from bench.measurement import Figure, Result, figure, memory_mb, percentile
from shared.http.auth import key_sha256
from shared.testing.process import API_KEY

OTHER_KEY = "fu_another-merchants-key"
_LOOK_SECONDS = 0.02
_KIND_SECONDS = 3.0
_HALF_OPEN = 400
_PREPARED = {"webhooks of 10 MiB": 1, "webhooks of 10 MiB, dense": 1, "lists of 500 events": 12}
_SHIPPED = {"FOLLOWUP_MERCHANT_EVENTS_PER_SECOND": "500"}
"""The one quota that processes under test have wider than shipped."""
_PARTS_PER_SECOND = 30
"""Of each merchant's number, as a toll-free one may have."""
_FLOOD_EVENTS = 100_000
_FLOODERS = 8
_FLOOD_SECONDS = 30.0
_LONGEST_SECONDS = 90.0
_OTHERS_FIRST = 2_000_000
_WALK = """
flow: walk
on: custom.walk
facts: {list0: list, list1: list}
when: "trigger.list0.exists(a, trigger.list1.exists(b, a.sku == b.sku))"
enter: {once_per: trigger.subject}
steps:
  - text: thanks
    purpose: transactional
    body: {en: "Hello"}
"""


async def run(rounds: int) -> Result:
    """Measure both."""
    health: dict[str, list[list[float]]] = {}
    floods = []
    opened = partial(harness.running, prepare=_neighbour, settings=_SHIPPED, parts_per_second=_PARTS_PER_SECOND)
    for _ in range(rounds):
        async with opened() as application:
            for kind, late in (await _beside_hostile_input(application)).items():
                health.setdefault(kind, []).append(late)
        async with opened() as application:
            floods.append(await _beside_a_flood(application))
    return Result(
        "neighbours",
        (*(each for kind, late in health.items() for each in _health_figures(kind, late)), *_flood_figures(floods)),
        await harness.durability() | {"quotas": "as shipped", "flood, events": str(_FLOOD_EVENTS)},
    )


def _neighbour(merchants: Path) -> None:
    """Add a second merchant with a number and a key of its own, and a flow that walks facts to the first."""
    (merchants / "acme" / "flows" / "walk.yaml").write_text(_WALK, encoding="utf-8")
    file = merchants / "acme" / "merchant.yaml"
    own = merchants / "globex"
    (own / "flows").mkdir(parents=True)
    shop = yaml.safe_load(file.read_text(encoding="utf-8"))
    shop.pop("quotas", None)  # a test's, wide; here those that ship are measured
    file.write_text(yaml.safe_dump(shop), encoding="utf-8")
    text = file.read_text(encoding="utf-8").replace("merchant: acme", "merchant: globex").replace("5550100", "5550101")
    text = text.replace(key_sha256(API_KEY), key_sha256(OTHER_KEY))
    (own / "merchant.yaml").write_text(text, encoding="utf-8")
    flow = (merchants / "acme" / "flows" / "flow.yaml").read_text(encoding="utf-8")
    (own / "flows" / "flow.yaml").write_text(flow, encoding="utf-8")


async def _beside_hostile_input(application: BenchHarness) -> dict[str, list[float]]:
    """Return how long `/healthz` took beside each kind of hostile input, in seconds."""
    found: dict[str, list[float]] = {}
    with _looking(application) as late:
        await asyncio.sleep(_KIND_SECONDS)
    found["nothing"] = late
    for name, kind in KINDS.items():
        with posting(application, kind, _PREPARED.get(name, 4)) as statuses, _looking(application) as late:
            await asyncio.sleep(_KIND_SECONDS)
        assert statuses, name
        print(f"    {name}: answered {sorted({s: statuses.count(s) for s in statuses}.items())}", flush=True)
        found[name] = late
        await asyncio.sleep(1)
    with half_open(application, _HALF_OPEN), _looking(application) as late:
        await asyncio.sleep(_KIND_SECONDS)
    found[f"{_HALF_OPEN} half-open connections"] = late
    return found


@contextmanager
def _looking(application: BenchHarness) -> Iterator[list[float]]:
    """Ask for `/healthz` every now and then while the block runs; yield how long each answer took."""
    ended, late = threading.Event(), list[float]()
    looker = threading.Thread(target=_look, args=(application.address, ended, late))
    looker.start()
    try:
        yield late
    finally:
        ended.set()
        looker.join()


def _look(address: str, ended: threading.Event, late: list[float]) -> None:
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        while not ended.is_set():
            began = time.perf_counter()
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            late.append(time.perf_counter() - began)
            time.sleep(_LOOK_SECONDS)


async def _beside_a_flood(application: BenchHarness) -> dict[str, list[float]]:
    """Let the first merchant post a hundred thousand events as fast as it can, the second one an order a second."""
    data = application.folder / "data" / "followup.db"
    disk, (memory, _) = _size_of(data), memory_mb(application.application.pid)
    posted: dict[int, float] = {}
    taken: list[float] = []
    flood = [asyncio.create_task(_flood(application, number)) for number in range(_FLOODERS)]
    until, number = time.monotonic() + _FLOOD_SECONDS, _OTHERS_FIRST
    while time.monotonic() < until:
        number += 1
        began = time.perf_counter()
        await _tell_of_order(application, number)
        taken.append(time.perf_counter() - began)
        posted[number] = application.now().timestamp() - taken[-1]
        await asyncio.sleep(1)
    for each in flood:
        each.cancel()
    accepted = sum(application.rows("SELECT count(*) FROM ingest_deliveries WHERE merchant_id = 'acme'")[0])
    called = await _called(application, posted)
    return {
        "texts": [called[number] - at for number, at in posted.items()],
        "doors": taken,
        "accepted": [accepted],
        "disk": [(_size_of(data) - disk) / 1e6],
        "memory": [memory_mb(application.application.pid)[1] - memory],
    }


async def _called(application: BenchHarness, posted: Collection[int]) -> dict[int, float]:
    """Return when the provider was called with each of these, waiting until it was."""
    async with asyncio.timeout(_LONGEST_SECONDS):
        while not set(posted) <= (called := application.calls_by_order()).keys():
            await application.look()
    return called


async def _flood(application: BenchHarness, flooder: int) -> None:
    """Post lists of five hundred, one after the other, whatever is answered."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    share, at = _FLOOD_EVENTS // _FLOODERS, datetime.now(UTC)
    while True:
        for first in range(flooder * share, (flooder + 1) * share, harness.BATCH):
            body = orjson.dumps([order(number, at) for number in range(first, first + harness.BATCH)])
            async with application.client.post(application.events_address, data=body, headers=headers) as answer:
                await answer.read()


async def _tell_of_order(application: BenchHarness, number: int) -> None:
    headers = {"Authorization": f"Bearer {OTHER_KEY}", "Content-Type": "application/json"}
    body = orjson.dumps(order(number, application.now()))
    async with application.client.post(application.events_address, data=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()


def _size_of(file: Path) -> int:
    return sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*"))


def _health_figures(kind: str, rounds: list[list[float]]) -> tuple[Figure, ...]:
    return (
        figure(f"/healthz beside {kind}, p50", "ms", [percentile(late, 0.5) * 1000 for late in rounds]),
        figure(f"/healthz beside {kind}, p99", "ms", [percentile(late, 0.99) * 1000 for late in rounds]),
        figure(f"/healthz beside {kind}, longest", "ms", [max(late) * 1000 for late in rounds], "< 250"),
    )


def _flood_figures(rounds: list[dict[str, list[float]]]) -> tuple[Figure, ...]:
    return (
        figure("another merchant's text, event to call, p50", "s", [percentile(r["texts"], 0.5) for r in rounds]),
        figure("another merchant's text, p99", "s", [percentile(r["texts"], 0.99) for r in rounds], "< 5"),
        figure("another merchant's event, answered, p99", "s", [percentile(r["doors"], 0.99) for r in rounds]),
        figure("events of the flood that were taken", "", [r["accepted"][0] for r in rounds]),
        figure("disk grew by", "MB", [r["disk"][0] for r in rounds]),
        figure("memory peaked above the start by", "MB", [r["memory"][0] for r in rounds]),
    )
