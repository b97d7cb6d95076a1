import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp

from services.simulator.count import count
from tests.integration.simulator.driver import ACCOUNT, PHONE, SHOP_NUMBER, TOKEN, Shop, SimulatorDriver


async def test_the_same_text_posted_twice_is_two_texts_and_the_counter_says_so(driver: SimulatorDriver) -> None:
    callback = f"{driver.shop.url}/receipts?attempt=a1"
    _, first = await driver.post(StatusCallback=callback)
    _, second = await driver.post(StatusCallback=callback)
    _, other = await driver.post(Body="Something else", StatusCallback=f"{driver.shop.url}/receipts?attempt=a2")
    assert len({first["sid"], second["sid"], other["sid"]}) == 3
    counted = count(driver.config.data_file)
    assert (counted["accepted"], counted["distinct_callback_ids"]) == (3, 2)
    assert {duplicate["because"] for duplicate in counted["duplicates"]} == {"callback_id", "to_and_body"}
    assert all(duplicate["sids"] == [first["sid"], second["sid"]] for duplicate in counted["duplicates"])


async def test_the_counter_counts_texts_of_the_shop_and_no_replies(driver: SimulatorDriver) -> None:
    await driver.post()
    await driver.reply("Hi")
    await driver.reply("Hi")
    assert count(driver.config.data_file) == {
        "accepted": 1,
        "distinct_callback_ids": 0,
        "distinct_to_and_body": 1,
        "without_callback": 1,
        "duplicates": [],
    }


async def test_the_counter_runs_as_a_script_and_strict_fails_on_doubles(driver: SimulatorDriver) -> None:
    await driver.post()
    await driver.post()
    command = [sys.executable, "-m", "services.simulator.count", str(driver.config.data_file), "--strict"]
    counted = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert counted.returncode == 1
    assert '"accepted": 2' in counted.stdout


async def test_texts_answered_201_survive_a_kill_and_go_on_in_the_next_run(tmp_path: Path, shop: Shop) -> None:
    data_file, port = tmp_path / "texts.sqlite", _free_port()
    command = [sys.executable, "-m", "services.simulator", "--port", str(port), "--data", str(data_file)]
    command += ["--account-sid", ACCOUNT, "--auth-token", TOKEN, "--latency-ms", "60000"]
    command += ["--callback-prefix", f"{shop.url}/"]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            await _until_it_answers(http)
            acknowledged = await asyncio.gather(*(_create(http, f"{shop.url}/r?attempt={n}") for n in range(40)))
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    assert len(set(acknowledged)) == 40
    assert count(data_file)["accepted"] == 40

    shop.calls.clear()
    async with SimulatorDriver(data_file, shop) as again:
        kept = [text["sid"] for text in (await again.get("/simulator/texts"))["texts"]]
        assert set(kept) == set(acknowledged)
        assert set(await again.statuses()) == {"queued"}
        assert (await again.get("/simulator/health"))["on_the_way"] == 40


async def test_callbacks_still_owed_at_a_stop_are_made_by_the_next_run(
    driver_with: Callable[..., SimulatorDriver], shop: Shop
) -> None:
    async with driver_with(latency_ms=1500) as first:
        await first.post(StatusCallback=f"{shop.url}/r?attempt=1")
        await shop.until(lambda: shop.statuses() == ["queued"])
    async with driver_with() as second:
        await shop.until(lambda: set(shop.statuses()) == {"queued", "sent", "delivered"})
        await second.until_statuses(["delivered"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_it_answers(http: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with http.get("/simulator/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def _create(http: aiohttp.ClientSession, callback: str) -> str:
    form = {"To": PHONE, "From": SHOP_NUMBER, "Body": "Hello", "StatusCallback": callback}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
    async with http.post(path, data=form, headers=headers) as answer:
        assert answer.status == 201
        sid: str = (await answer.json())["sid"]
        return sid
