"""The quickstart works as written: its key, its files, its commands and its calls, to the text on the phone."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.testing.process import Process, free_port
from tests.docs.snippets import DOCS, commands, labelled, request_of, snippets, write_files

PAGE = DOCS / "quickstart.md"
FLOWS = DOCS / "how-to" / "flows.md"
PATIENCE_SECONDS = 60.0
SHOWN_ADDRESS = "http://127.0.0.1:8080"


def followup(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "services.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={"PYTHONPATH": str(DOCS.parent), "PYTHONTZPATH": "", "COLUMNS": "200"},
    )


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop of the quickstart, running."""

    folder: Path
    client: httpx2.AsyncClient
    replacements: Mapping[str, str]

    async def call(self, name: str) -> Any:
        """Make a call the page shows; return its JSON."""
        answer = await self.client.send(request_of(labelled(PAGE, "call")[name], self.replacements))
        assert answer.is_success, answer.text
        return answer.json()

    async def texts_of(self, number: str) -> list[str]:
        """Return what the shop wrote to a phone, oldest first."""
        answer = await self.client.get(f"{self.replacements[SHOWN_ADDRESS]}/simulator/phones/{number}.json")
        shown = answer.json()["texts"] if answer.is_success else []
        return [text["body"] for text in shown if text["to"] == number]


async def seen(look: Callable[[], Awaitable[Any]], is_there: Callable[[Any], bool]) -> Any:
    """Look until it is there, and return it."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not is_there(found := await look()):
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.1)
    return found


@pytest.fixture(name="shop")
async def running_shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """The quickstart up to its fourth step."""
    port = free_port()
    [new_key] = [line for line in commands([s.text for s in snippets(PAGE)]) if line.startswith("followup keys new")]
    result = followup(tmp_path, *shlex.split(new_key)[1:])
    [key] = re.findall(r"^  (fu_\S+)$", result.stdout, re.MULTILINE)
    [digest] = re.findall(r'sha256: "(\w{64})"', result.stdout)
    [shown] = re.findall(r'sha256: "(\w{64})", scopes: \["follow-ups:write", "follow', PAGE.read_text("utf-8"))
    replacements = {SHOWN_ADDRESS: f"http://127.0.0.1:{port}", shown: digest, "$KEY": key}
    write_files(PAGE, tmp_path, replacements)
    arguments = ["services.cli", "run", "--merchants", str(tmp_path / "merchants"), "--data", str(tmp_path / "data")]
    process = Process([*arguments, "--port", str(port)], tmp_path / "run.log", is_fresh=True)
    await process.start()
    try:
        await process.ready(f"http://127.0.0.1:{port}/healthz")
        async with httpx2.AsyncClient(timeout=10) as client:
            yield Shop(tmp_path, client, replacements)
    finally:
        await process.stop()


@pytest.mark.parametrize("page", [PAGE, FLOWS], ids=["quickstart", "flows"])
def test_the_files_shown_have_no_errors_and_no_warnings(page: Path, tmp_path: Path) -> None:
    write_files(PAGE, tmp_path, {})
    write_files(page, tmp_path, {})
    result = followup(tmp_path, "lint", "merchants")
    assert (result.returncode, result.stdout) == (0, "0 errors, 0 warnings\n")


async def test_the_calls_shown_lead_to_the_texts_shown(shop: Shop) -> None:
    dry = await shop.call("dry-run")
    assert dry["texts"][0]["gate"]["reason"] == "no_consent"
    assert dry["texts"][0]["text"] == "Harbor Books: Your book is in, Ana.\nReply STOP to opt out"
    assert (await shop.call("consent"))["consents"]["informational"]["status"] == "contract"
    planned = await shop.call("send")
    assert planned["state"] == "pending"
    assert (await shop.call("send"))["follow_up_id"] == planned["follow_up_id"]

    first = labelled(PAGE, "text")["first"].strip()
    assert await seen(lambda: shop.texts_of("+12125550123"), bool) == [first]
    assert (await shop.call("phone"))["number"] == "+12125550123"

    assert (await shop.call("event"))["accepted"] == 1
    assert (await shop.call("event"))["duplicates"] == 1
    [thanks] = await seen(lambda: shop.texts_of("+12125550177"), bool)
    assert thanks.startswith("Harbor Books: Thanks Ben! Your order #1001: http")

    await shop.call("stop")
    await seen(lambda: shop.texts_of("+12125550177"), lambda texts: len(texts) == 2)
    refused = (await shop.call("after-stop"))["follow_up_id"]
    result = await seen(lambda: asyncio.to_thread(followup, shop.folder, "explain", refused), _is_blocked)
    assert "Verdict of release 1: block (opted_out)\n  This person has opted out of your texts." in result.stdout
    assert len(await shop.texts_of("+12125550177")) == 2


def _is_blocked(result: subprocess.CompletedProcess[str]) -> bool:
    return result.returncode == 0 and ": blocked\n" in result.stdout


def test_a_verdict_shown_is_the_verdict_given() -> None:
    shown = snippets(DOCS / "how-to" / "explain.md")
    [at] = [place for place, each in enumerate(shown) if "| followup gate" in each.text]
    [question] = re.findall(r"'(\{.*\})'", shown[at].text)
    result = subprocess.run(
        [sys.executable, "-m", "services.cli", "gate", "-"],
        input=question,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(result.stdout) == json.loads(shown[at + 1].text)
