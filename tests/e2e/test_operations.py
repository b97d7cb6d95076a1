"""What an operator does: every command answers in plain sentences, every end has its exit code."""

import asyncio
import io
import json
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from services.cli.app import main
from services.cli.demo import tell_story
from services.demo.environment import RunningDemo
from shared.config.merchant import APIKey
from shared.events.trigger import TriggerReceived
from shared.http.auth import key_sha256
from shared.privacy import Keyring
from shared.testing.process import API_KEY, ENVIRONMENT, Process, application_process, free_port, write_shop

FLOW = """\
flow: thanks
on: purchase
steps:
  - wait: 30d
  - text: thanks
    purpose: transactional
    body: {en: "Thanks!"}
"""
HEADERS = {"Authorization": f"Bearer {API_KEY}"}


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def followup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the `followup` command, run in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str | Path, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "argv", ["followup", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else int(code is not None), said.out, said.err)

    return run


@pytest.fixture
def merchants(tmp_path: Path) -> Path:
    return write_shop(tmp_path, application="http://127.0.0.1:1", provider="http://127.0.0.1:2", flow=FLOW)


def one_sentence(said: Said) -> str:
    assert said.code == 1
    [line] = said.err.splitlines()
    assert line.startswith("followup: ")
    return line


def test_doctor_lists_every_setting_and_says_what_is_wrong(
    followup: Command, merchants: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = followup("doctor", "--offline", "--settings", "--port", "0", "--merchants", merchants)
    assert said.code == 0, said.out
    for word in ("ok  time zones", "ok  merchant files: 0 errors", "FOLLOWUP_PORT", "FOLLOWUP_SENDER_"):
        assert word in said.out
    assert followup("doctor", "--merchants", merchants / "nowhere").code == 1
    (merchants / "acme" / "flows" / "broken.yaml").write_text("flow: [", encoding="utf-8")
    said = followup("doctor", "--offline", "--port", "0", "--merchants", merchants)
    assert said.code == 1
    assert "see merchant files: 1 errors" in said.out
    monkeypatch.setenv("FOLLOWUP_PORT", "eighty")
    assert "FOLLOWUP_PORT: input should be a valid integer" in one_sentence(followup("doctor"))


def test_what_is_for_kafka_says_so_in_embedded_mode(followup: Command) -> None:
    sentence = one_sentence(followup("relay-again", "--since-minutes", "10"))
    assert "FOLLOWUP_KAFKA_BOOTSTRAP is not set; in embedded mode there is nothing to relay" in sentence


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FOLLOWUP_PORT", "99999", "FOLLOWUP_PORT: input should be less than"),
        ("FOLLOWUP_LOG_LEVEL", "loud", "FOLLOWUP_LOG_LEVEL: input should be 'debug', 'info', 'warning' or 'error'"),
        ("FOLLOWUP_INGEST_MOST_DELIVERIES_PER_COMMIT", "many", "FOLLOWUP_INGEST_MOST_DELIVERIES_PER_COMMIT: input"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(
    followup: Command,
    merchants: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    words: str,
) -> None:
    monkeypatch.setenv(variable, value)
    said = followup("redrive", "--merchants", merchants, "--data", tmp_path / "data")
    assert words in one_sentence(said)
    assert f"'{value}'" not in said.err


def test_lint_explains_and_its_exit_code_says_whether_to_deploy(followup: Command, merchants: Path) -> None:
    assert followup("lint", merchants).code == 0
    flow = merchants / "acme" / "flows" / "flow.yaml"
    flow.write_text(FLOW.replace("steps:", "stepps:"), encoding="utf-8")
    said = followup("lint", merchants)
    assert said.code == 1
    assert f"{flow}:3: unknown field 'stepps'; did you mean 'steps'?" in said.out
    assert said.err == ""
    assert "there is no such" in followup("lint", merchants / "nowhere").out


def test_a_new_key_is_shown_once_and_its_line_can_be_pasted(followup: Command) -> None:
    said = followup("keys", "new", "shop-backend", "--scope", "follow-ups:write", "--scope", "gate:read")
    assert said.code == 0
    [token] = [line.strip() for line in said.out.splitlines() if line.strip().startswith("fu_")]
    [line] = yaml.safe_load(said.out.partition("merchant.yaml:\n")[2])
    key = APIKey.model_validate({**line, "scopes": tuple(line["scopes"])})
    assert (key.id, key.sha256, key.scopes) == (
        "shop-backend",
        key_sha256(token),
        ("follow-ups:write", "gate:read"),
    )
    assert "lower-case letters" in one_sentence(followup("keys", "new", "My Shop"))
    assert "is not a scope" in one_sentence(followup("keys", "new", "shop", "--scope", 'a"b'))


GOOD_CASE = (
    b'{"to": "+12125550123", "class": "marketing", "now": "2026-12-01T12:59:00Z", "consent": {"status": "pewc"}}'
)
CASES = b"\n".join(
    (
        GOOD_CASE,
        b"this is no JSON",
        b"[1, 2]",
        b'{"to": 5}',
        b'{"to": "+12125550123", "clas": "marketing", "now": "2026-12-01T12:59:00Z"}',
        b'{"to": "+12125550123", "class": "marketing", "now": "never"}',
        b"\xff\xfe",
        b"{" * 3000,
        GOOD_CASE,
    )
)


def test_gate_answers_every_line_in_its_place_good_or_bad(followup: Command, tmp_path: Path) -> None:
    (tmp_path / "cases").write_bytes(CASES)
    for said in (followup("gate", tmp_path / "cases"), followup("gate", "-", stdin=CASES)):
        assert said.code == 0, said.err
        answers = [json.loads(line) for line in said.out.splitlines()]
        assert ["error" in answer for answer in answers] == [False, *[True] * 7, False]
        assert answers[0] == answers[-1]
        assert (answers[0]["decision"], answers[0]["reason"]) == ("defer", "quiet_hours")
        assert "did you mean class" in answers[4]["error"]
        assert all("2125550123" not in answer["error"] for answer in answers if "error" in answer)
    assert "cannot be read" in one_sentence(followup("gate", tmp_path / "nowhere"))


def test_classify_answers_every_line_in_its_place_good_or_bad(followup: Command) -> None:
    lines = (
        b'{"text": "pls stop", "context": "subscribed"}',
        b"no JSON",
        b'{"text": 5}',
        b'{"text": "hi", "context": "asleep"}',
        b'{"text": "hi", "contxt": "subscribed"}',
        b"\xff",
        b'"STOP"',
        b'{"text": "HELP"}',
    )
    said = followup("classify", "-", stdin=b"\n".join(lines))
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert ["error" in answer for answer in answers] == [False, *[True] * 6, False]
    assert (answers[0]["class"], answers[-1]["class"]) == ("opt_out", "help")
    assert "subscribed" in answers[3]["error"]
    assert "'context'" in answers[4]["error"]


def test_migrate_redrive_send_and_explain_work_while_nothing_runs(
    followup: Command, merchants: Path, tmp_path: Path
) -> None:
    data = ("--data", tmp_path / "data")
    both = ("--merchants", merchants, *data)
    for _ in range(2):
        said = followup("migrate", *data)
        assert (said.code, said.err) == (0, "")
        assert "at the newest schema" in said.out
    assert "there is no service sendr; did you mean 'sender'?" in one_sentence(
        followup("redrive", "--service", "sendr", *both)
    )
    park_the_unreadable(tmp_path / "data" / "followup.db")
    said = followup("redrive", *both)
    assert (said.code, said.err) == (0, "")
    assert "scheduler: 0 processed, 1 still parked" in said.out
    assert "metrics: 0 processed, 0 still parked" in said.out
    to = ("send", "+12125550123", "Your table is ready.", "--merchant")
    planned = json.loads(followup(*to, "acme", *both).out)
    assert planned["state"] == "pending"
    assert "there is no merchant acmee; did you mean 'acme'?" in one_sentence(followup(*to, "acmee", *both))
    said = followup("explain", planned["follow_up_id"], *both)
    assert said.code == 0
    assert f"Follow-up {planned['follow_up_id']}: pending" in said.out
    nobody = "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f"
    assert f"no merchant here has a follow-up {nobody}" in one_sentence(followup("explain", nobody, *both))
    assert "valid UUID" in one_sentence(followup("explain", "my text", *both))
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert "cannot write to the data folder" in one_sentence(followup("migrate", "--data", tmp_path / "file" / "data"))


def park_the_unreadable(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(
            "insert into scheduler_parked (recipient_id, merchant_id, topic, type, body, reason, parked_at)"
            " values (?, 'acme', 'triggers.v1', ?, ?, 'planted', ?)",
            (b"\0" * 16, TriggerReceived.type, b"{}", int(datetime.now(UTC).timestamp() * 1e6)),
        )
    connection.close()


def test_the_keyring_is_for_its_owner_alone_and_another_databases_is_refused(
    followup: Command, merchants: Path, tmp_path: Path
) -> None:
    both = ("--merchants", merchants, "--data", tmp_path / "data")
    assert followup("redrive", *both).code == 0
    keyring = tmp_path / "data" / "keyring.json"
    assert stat.S_IMODE(keyring.stat().st_mode) == 0o600
    own = keyring.read_bytes()
    keyring.unlink()
    Keyring.new().save(keyring)
    sentence = one_sentence(followup("redrive", *both))
    assert "every STOP would be forgotten" in sentence
    assert "restore the original keyring" in sentence
    for spoilt in (b"", b"not JSON", b"{}", own[: len(own) // 2]):
        keyring.write_bytes(spoilt)
        assert "keyring" in one_sentence(followup("redrive", *both))
    keyring.write_bytes(own)
    assert followup("redrive", *both).code == 0


@pytest.mark.parametrize("base_url", ["null", '"https://api.twilio.com"'])
def test_a_moved_clock_beside_a_real_provider_is_refused(
    followup: Command, merchants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_url: str
) -> None:
    file = merchants / "acme" / "merchant.yaml"
    real = file.read_text(encoding="utf-8").replace('base_url: "http://127.0.0.1:2"', f"base_url: {base_url}")
    file.write_text(real, encoding="utf-8")
    (tmp_path / "clock").write_text("3600", encoding="ascii")
    monkeypatch.setenv("FOLLOWUP_CLOCK_FILE", str(tmp_path / "clock"))
    sentence = one_sentence(followup("redrive", "--merchants", merchants, "--data", tmp_path / "data"))
    assert "FOLLOWUP_CLOCK_FILE" in sentence
    assert "real provider" in sentence
    assert not (tmp_path / "data" / "followup.db").exists()


async def command(*arguments: str | Path) -> Said:
    """Run the shipped command in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.cli", *map(str, arguments)),
        env={**os.environ, **ENVIRONMENT},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(child.communicate(), 30)
    return Said(child.returncode or 0, out.decode(), err.decode())


async def test_a_running_application_keeps_its_folder_answers_commands_ends_cleanly_and_goes_on_after_a_restart(
    tmp_path: Path,
) -> None:
    port = free_port()
    merchants = write_shop(tmp_path, application=f"http://127.0.0.1:{port}", provider="http://127.0.0.1:2", flow=FLOW)
    application = application_process(tmp_path, port, merchants)
    both = ("--merchants", merchants, "--data", tmp_path / "data")
    await application.start()
    try:
        await application.ready(f"http://127.0.0.1:{port}/readyz")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
            body: dict[str, Any] = {"to": "+12125550123", "purpose": "transactional", "text": "Hi.", "due_in": "30d"}
            planned = (await client.post("/v1/follow-ups", json=body)).json()["follow_up_id"]
            assert application.child is not None
            second = await command("run", *both, "--port", "0")
            assert f"is in use by process {application.child.pid}" in one_sentence(second)
            reported = await command("explain", planned, *both)
            assert (reported.code, reported.err) == (0, "")
            assert f"Follow-up {planned}: pending" in reported.out
            note = tmp_path / "data" / "process.json"
            assert stat.S_IMODE(note.stat().st_mode) == 0o600
            await application.stop(signal.SIGTERM)  # with a connection of ours still open
            assert application.child.returncode == 0
        assert not note.exists()
        assert "Traceback" not in application.log.read_text(encoding="utf-8")
        await application.start()
        await application.ready(f"http://127.0.0.1:{port}/readyz")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
            assert (await client.get(f"/v1/follow-ups/{planned}")).json()["state"] == "pending"
        await ends_at_once(application)
    finally:
        await application.stop(signal.SIGKILL)


async def ends_at_once(application: Process) -> None:
    assert application.child is not None
    application.child.send_signal(signal.SIGTERM)
    assert await application.ended(5) == 0
    assert "Traceback" not in application.log.read_text(encoding="utf-8")


async def test_a_demo_that_is_interrupted_in_its_story_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: RunningDemo) -> None:
        signal.raise_signal(signal.SIGINT)

    assert await tell_story(tmp_path / "demo", 0, once=True, prepare=interrupt) == 1
    assert "The demo was stopped before its last step." in capsys.readouterr().out
