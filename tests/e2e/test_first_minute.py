"""The first minute: the command answers at once, makes a first shop, says how it is, and refuses in one sentence."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer.main
import yaml

from services.cli.app import Commands, app, main
from services.cli.options import settings_of
from shared.privacy import Keyring
from shared.testing.process import Process, free_port

HEAVY = ("fastapi", "sqlalchemy", "aiohttp", "aiokafka", "alembic", "cryptography", "jinja2", "phonenumbers", "liquid")


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> Said:
    """Run the command in a folder of its own, in this process: a Python takes longer to start than most commands."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("FOLLOWUP_")]:
            patch.delenv(name)
        for name, value in {"COLUMNS": "200", **(environ or {})}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["followup", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    return Said(code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue())


def start(folder: Path, *arguments: str) -> Said:
    """Run the shipped command as it is installed, in a process of its own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "services.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**given, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"},
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def one_sentence(said: Said) -> str:
    assert said.returncode == 1
    assert said.stdout == ""
    [line] = said.stderr.splitlines()
    return line


@pytest.fixture(name="shop")
def first_shop(tmp_path: Path) -> Path:
    """A folder in which `followup init` was run."""
    assert run(tmp_path, "init", "harbor").returncode == 0
    return tmp_path


def test_help_and_version_load_no_web_framework_and_no_database() -> None:
    program = (
        "import sys\n"
        "from services.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"sys.stderr.write(' '.join(sorted(set({HEAVY!r}) & set(sys.modules))))\n"
    )
    for option in ("--help", "--version"):
        reported = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-c", program, option], capture_output=True, text=True, check=True, timeout=60
        )
        assert reported.stdout
        assert reported.stderr == ""


def test_the_version_is_printed() -> None:
    assert start(Path.cwd(), "--version").stdout.startswith("followup ")


@pytest.mark.parametrize("name", sorted(Commands.entries))
def test_the_list_of_commands_says_what_each_commands_own_help_says(name: str) -> None:
    command: Any = typer.main.get_command(app)
    loaded = command.get_command(None, name)
    assert " ".join(loaded.help.split("\n\n")[0].split()) == Commands.entries[name].summary
    if not hasattr(loaded, "list_commands"):
        assert "Example: " in loaded.help


def test_a_first_shop_has_no_mistakes_and_is_never_written_over(shop: Path) -> None:
    assert run(shop, "lint", "merchants").stdout == "0 errors, 0 warnings\n"
    assert (shop / ".env").stat().st_mode & 0o077 == 0
    assert "FOLLOWUP_API_KEY=fu_" in (shop / ".env").read_text("utf-8")
    assert ".env" in (shop / ".gitignore").read_text("utf-8")
    for file in (shop / "merchants" / "harbor").rglob("*.yaml"):
        named = file.read_text("utf-8").splitlines()[0].partition("$schema=")[2]
        assert json.loads((file.parent / named).read_text("utf-8"))["properties"]
    before = (shop / "merchants" / "harbor" / "merchant.yaml").read_bytes()
    assert "exists and was not changed" in one_sentence(run(shop, "init", "harbor"))
    kept = (shop / ".env").read_bytes()
    assert ".env exists and was not changed" in run(shop, "init", "second").stdout
    assert (shop / ".env").read_bytes() == kept
    assert (shop / "merchants" / "harbor" / "merchant.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["Harbor", "../harbor", "har bor", "-x-", "a" * 200, ""])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    refused = run(tmp_path, "init", "--", name)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("brand", ['Harbor "Books"', "Bücher & Söhne", "a: b # c", "{{ x }}"])
def test_a_brand_is_written_as_it_was_given(tmp_path: Path, brand: str) -> None:
    assert run(tmp_path, "init", "harbor", "--brand", brand).returncode == 0
    written = yaml.safe_load((tmp_path / "merchants" / "harbor" / "merchant.yaml").read_text("utf-8"))
    assert written["brand"] == brand


async def test_a_first_shop_runs_is_ready_and_leads_to_its_console(shop: Path) -> None:
    port = free_port()
    assert "no process runs on the data folder" in one_sentence(start(shop, "status"))
    arguments = ["services.cli", "run", "--merchants", str(shop / "merchants"), "--data", str(shop / "data")]
    process = Process([*arguments, "--port", str(port)], shop / "run.log", is_fresh=True)
    await process.start()
    try:
        await process.ready(f"http://127.0.0.1:{port}/readyz")
        reported = start(shop, "status")
        assert (reported.returncode, reported.stderr) == (0, "")
        assert f"http://127.0.0.1:{port}: ready" in reported.stdout
        assert "parked events" in reported.stdout
        assert "harbor has no follow-ups yet" in reported.stdout
        examined = start(shop, "doctor", "--port", str(port))
        assert examined.returncode == 0, examined.stdout
        assert "one runs on this data folder" in examined.stdout
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (307, "/console")
    finally:
        await process.stop()


def test_a_missing_keyring_is_refused_and_not_replaced(shop: Path) -> None:
    assert run(shop, "redrive").returncode == 0
    (shop / "data" / "keyring.json").rename(shop / "kept.json")
    for said in (run(shop, "redrive"), start(shop, "run", "--port", "0")):
        assert "every STOP would be forgotten; restore it from your backup" in one_sentence(said)
    assert not (shop / "data" / "keyring.json").exists()
    assert run(shop, "doctor").returncode == 1
    (shop / "kept.json").rename(shop / "data" / "keyring.json")
    assert run(shop, "redrive").returncode == 0


def test_a_file_that_is_no_database_is_refused_in_one_sentence(shop: Path) -> None:
    assert run(shop, "redrive").returncode == 0
    (shop / "data" / "followup.db").write_bytes(b"no database at all" * 1000)
    assert "is not as the last clean stop left it" in one_sentence(start(shop, "run", "--port", "0"))
    (shop / "data" / "followup.db.sum").unlink()
    for said in (run(shop, "redrive"), start(shop, "run", "--port", "0")):
        sentence = one_sentence(said)
        assert "is damaged, or no database" in sentence
        assert "restore the file from a backup" in sentence
    assert "see database" in run(shop, "doctor").stdout


def test_doctor_refuses_what_run_refuses(shop: Path) -> None:
    assert run(shop, "doctor", "--port", "0").returncode == 0
    assert run(shop, "redrive").returncode == 0
    Keyring.new().save(shop / "other.json")
    other = {"FOLLOWUP_KEYRING_FILE": str(shop / "other.json")}
    assert run(shop, "redrive", environ=other).returncode == 1
    examined = run(shop, "doctor", "--port", "0", environ=other)
    assert examined.returncode == 1
    assert "the database was written with another keyring" in examined.stdout


def test_doctor_names_a_secret_that_is_not_set(shop: Path) -> None:
    file = shop / "merchants" / "harbor" / "merchant.yaml"
    twilio = (
        'main: {kind: twilio, account_sid: "AC00000000000000000000000000000000", auth_token: {env: NOT_SET_ANYWHERE}, '
        'base_url: "http://127.0.0.1:1"}'
    )
    file.write_text(file.read_text("utf-8").replace("main: {kind: simulated}", twilio), encoding="utf-8")
    examined = run(shop, "doctor", "--port", "0")
    assert examined.returncode == 1
    assert "NOT_SET_ANYWHERE" in examined.stdout
    known = run(shop, "doctor", "--port", "0", environ={"NOT_SET_ANYWHERE": "x" * 32})
    assert known.returncode == 1
    assert "see provider main of harbor: it did not answer, or refused the login" in known.stdout


def test_the_demo_listens_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLLOWUP_PORT", "9123")
    assert settings_of(port=None).port == 9123
    assert settings_of(port=7000).port == 7000
