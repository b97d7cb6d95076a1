"""The demo tells the truth: every step is seen through the public API, and a broken one is named."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from services.cli.demo import tell_story
from services.demo.environment import RunningDemo
from services.demo.story import Story, StoryStep
from services.simulator.faults import FaultPlan
from shared.testing.process import free_port

TITLES = [
    "order received",
    "flow entered",
    "due",
    "verdict",
    "text on the phone",
    "receipt",
    "click",
    "second order",
    "revenue credited",
    "STOP",
    "next text refused",
]
PATIENCE_SECONDS, BROKEN_PATIENCE_SECONDS = 60.0, 1.5
"""For a step that works, however slow the machine, and for the one that is broken."""


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "services.cli", "demo", "--once", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_the_demo_sees_every_step_and_runs_again_in_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        result = run_demo("--port", "0", "--data", str(tmp_path / "demo"))
        assert result.returncode == 0, result.stdout + result.stderr
        lines = [line for line in result.stdout.splitlines() if line.startswith("✓")]
        assert len(lines) == len(TITLES)
        assert all(line[2:].startswith(title) for line, title in zip(lines, TITLES, strict=True))
        assert result.stderr == ""


def one_sentence(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    [line] = result.stderr.strip().splitlines()
    return line


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        sentence = one_sentence(run_demo("--port", str(other.getsockname()[1]), "--data", str(tmp_path / "demo")))
    assert "choose another with --port" in sentence


def test_a_folder_that_cannot_be_written_to_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sentence = one_sentence(run_demo("--port", "0", "--data", str(tmp_path / "file" / "demo")))
    assert "cannot write to the data folder" in sentence


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    sentence = one_sentence(run_demo("--port", "0", "--data", str(tmp_path)))
    assert "choose an empty folder" in sentence
    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_a_second_demo_beside_the_first_is_one_clear_sentence(tmp_path: Path) -> None:
    port = free_port()
    first = subprocess.Popen(  # noqa: S603 - our own command
        [
            sys.executable,
            "-m",
            "services.cli",
            "demo",
            "--empty",
            "--port",
            str(port),
            "--data",
            str(tmp_path / "demo"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout is not None
        for line in first.stdout:
            if "Ctrl-C" in line:
                break
        assert httpx2.get(f"http://127.0.0.1:{port}/healthz").is_success
        sentence = one_sentence(run_demo("--port", "0", "--data", str(tmp_path / "demo")))
        assert f"in use by process {first.pid}" in sentence
    finally:
        first.terminate()
        first.wait(20)
        if first.stdout:
            first.stdout.close()


def swap(target: object, name: str, value: object) -> None:
    """Put something else in the place of an attribute."""
    setattr(target, name, value)


def deaf(service: str) -> Callable[[RunningDemo], None]:
    """Let one service hear no more events."""

    def prepare(running: RunningDemo) -> None:
        [broken] = [each for each in running.application.services if each.name == service]
        assert broken.runner is not None

        async def silence(*_: Any) -> None:
            await asyncio.Event().wait()

        swap(broken.runner, "_take", silence)

    return prepare


def fault(kind: str, **more: Any) -> Callable[[RunningDemo], None]:
    """Let the provider misbehave for every text."""

    def prepare(running: RunningDemo) -> None:
        assert running.application.simulator is not None
        running.application.simulator.faults.replace(FaultPlan.model_validate({"rules": [{"kind": kind, **more}]}))

    return prepare


def wrong_secret(running: RunningDemo) -> None:
    swap(running.actions, "secrets", SimpleNamespace(**{**_secrets(running), "shopify": "wrong"}))


def no_jump(running: RunningDemo) -> None:
    swap(running.actions, "jump", lambda by: None)  # noqa: ARG005 - stands in for one that has it


def robot_taps(running: RunningDemo) -> None:
    tap = running.actions.tap_link

    async def as_robot(text: str) -> httpx2.Response | None:
        running.actions.client.headers["Purpose"] = "prefetch"
        return await tap(text)

    swap(running.actions, "tap_link", as_robot)


def second_order(**change: Any) -> Callable[[RunningDemo], None]:
    def prepare(running: RunningDemo) -> None:
        place = running.actions.place_order

        async def changed(*, number: int, **order: Any) -> httpx2.Response:
            if number == 2:
                for name, value in change.items():
                    setattr(
                        running.actions,
                        name,
                        value if name != "secrets" else SimpleNamespace(**{**_secrets(running), **value}),
                    )
            return await place(number=number, **order)

        swap(running.actions, "place_order", changed)

    return prepare


def says_something_else(running: RunningDemo) -> None:
    reply = running.actions.reply

    async def kind_words(_text: str) -> httpx2.Response:
        return await reply("Thank you!")

    swap(running.actions, "reply", kind_words)


def enqueue_refused(running: RunningDemo) -> None:
    enqueue = running.actions.enqueue

    async def with_wrong_key(*given: Any) -> httpx2.Response:
        swap(running.actions, "secrets", SimpleNamespace(**{**_secrets(running), "api_key": "fu_wrong"}))
        return await enqueue(*given)

    swap(running.actions, "enqueue", with_wrong_key)


def _secrets(running: RunningDemo) -> dict[str, str]:
    known = running.actions.secrets
    return {"shopify": known.shopify, "twilio": known.twilio, "api_key": known.api_key}


BREAKS: dict[str, Callable[[RunningDemo], None]] = {
    "order received": wrong_secret,
    "flow entered": deaf("scheduler"),
    "due": no_jump,
    "verdict": deaf("compliance"),
    "text on the phone": fault("refuse"),
    "receipt": fault("receipts_lost"),
    "click": robot_taps,
    "second order": second_order(secrets={"shopify": "wrong"}),
    "revenue credited": second_order(phone="+12125550177"),
    "STOP": says_something_else,
    "next text refused": enqueue_refused,
}


def test_every_step_has_a_test_that_breaks_it() -> None:
    assert list(BREAKS) == TITLES


@pytest.mark.parametrize("title", TITLES)
async def test_a_broken_step_ends_the_demo_with_1_and_is_named(
    title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Story.steps

    def until_the_broken_one(story: Story) -> Iterator[StoryStep]:
        for step in steps(story):
            if step.title == title:
                story._patience_seconds = BROKEN_PATIENCE_SECONDS
            yield step

    monkeypatch.setattr(Story, "steps", until_the_broken_one)
    code = await tell_story(tmp_path / "demo", 0, once=True, patience_seconds=PATIENCE_SECONDS, prepare=BREAKS[title])
    output = capsys.readouterr().out
    assert code == 1
    assert f"✗ {title}: not seen" in output
    assert len([line for line in output.splitlines() if line.startswith("✓")]) == TITLES.index(title)
