"""docker-compose.yml: valid, closed where possible, refusing to start without secrets, and naming what exists."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.prepare import prepare
from services import distributed, embedded
from shared.config.directory import MerchantDirectory
from shared.http.auth import key_sha256
from shared.http.console_tokens import TokenSigner
from shared.privacy import Keyring
from shared.settings import every_setting
from shared.signing import SigningKey
from shared.vocabulary import service_names
from tests.deploy.documents import ROOT, SERVICES, Unset, compose, environment_of, interpolated
from tests.deploy.programs import run

DECLARING = distributed, embedded
"""Importing them declares every setting."""
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
CONTAINERS: dict[str, dict[str, Any]] = compose()["services"]
OURS = [name for name, container in CONTAINERS.items() if container["image"].startswith("followup")]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder in which the operator has run the preparing script."""
    prepare(tmp_path / ".env", tmp_path / "state")
    return tmp_path


def test_the_file_satisfies_the_compose_schema() -> None:
    run(
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(ROOT / "docker-compose.yml"),
    )


def test_every_service_is_there() -> None:
    parts = {"migrate", "simulator", "ingress", "kafka", "postgresql", "prometheus", "grafana"}
    assert set(CONTAINERS) == {*SERVICES, *parts}


@pytest.mark.parametrize("name", [*OURS, "ingress", "prometheus", "grafana"])
def test_a_container_can_write_only_where_it_must(name: str) -> None:
    container = CONTAINERS[name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in container


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_nothing_listens_beyond_this_machine(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in CONTAINERS[name].get("ports", []))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_the_migration_and_its_parts(service: str) -> None:
    waits = {name: how["condition"] for name, how in CONTAINERS[service]["depends_on"].items()}
    assert waits == {
        "migrate": "service_completed_successfully",
        "kafka": "service_healthy",
        "postgresql": "service_healthy",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_knows_only_its_own_database(service: str) -> None:
    assert CONTAINERS[service]["command"] == ["serve", service]
    named = [name for name in CONTAINERS[service]["environment"] if name.endswith("_DATABASE_URL")]
    assert named == [f"FOLLOWUP_{service.upper()}_DATABASE_URL"]


@pytest.mark.parametrize("name", sorted(set(CONTAINERS) - set(OURS)))
def test_what_others_made_is_named_with_its_version(name: str) -> None:
    _, _, tag = CONTAINERS[name]["image"].partition(":")
    assert tag
    assert tag != "latest"
    assert name == "postgresql" or "." in tag


def test_postgresql_keeps_what_it_said_it_keeps() -> None:
    assert {"-cfsync=on", "-csynchronous_commit=on", "-cfull_page_writes=on"} <= set(
        CONTAINERS["postgresql"]["command"]
    )


def test_every_setting_given_exists() -> None:
    assert service_names.SERVICES == SERVICES
    database_urls = {f"FOLLOWUP_{service.upper()}_DATABASE_URL" for service in SERVICES}
    known = {entry.variable for entry in every_setting()} | database_urls
    given = {variable for name in OURS for variable in CONTAINERS[name].get("environment", {})}
    assert {variable for variable in given if variable.startswith("FOLLOWUP_")} - known == set()


def test_without_secrets_it_refuses_and_says_what_to_run() -> None:
    with pytest.raises(Unset, match=r"deploy/prepare\.py"):
        interpolated(TEXT, {})


def test_no_secret_has_a_value_in_the_file() -> None:
    for name, value in environment_of(ROOT / ".env.example").items():
        if name not in {"FOLLOWUP_UID", "FOLLOWUP_GID"}:
            assert value == ""
            with pytest.raises(Unset, match=name):
                interpolated(f"${{{name}:?no}}", {})


def test_what_the_script_prepares_is_all_that_is_asked_for(prepared: Path) -> None:
    written = environment_of(prepared / ".env")
    filled = interpolated(TEXT, written)
    assert "${" not in filled
    assert set(written) == set(environment_of(ROOT / ".env.example"))
    assert len(set(written.values()) - {written["FOLLOWUP_UID"]}) == len(written) - 2
    assert written["FOLLOWUP_UID"] != "0"


def test_every_file_that_is_mounted_exists(prepared: Path) -> None:
    state = prepared / "state"
    mounted = [
        interpolated(volume, {"FOLLOWUP_STATE": str(state)}).split(":")[0]
        for container in CONTAINERS.values()
        for volume in container.get("volumes", [])
        if volume.startswith((".", "$"))
    ]
    kept = [interpolated(each["file"], {"FOLLOWUP_STATE": str(state)}) for each in compose()["secrets"].values()]
    assert len(mounted) > 8
    assert [path for path in [*mounted, *kept] if not (ROOT / path).exists()] == []


def test_the_secrets_can_be_used_and_only_their_owner_reads_them(prepared: Path) -> None:
    kept = prepared / "state" / "secrets"
    Keyring.load(kept / "keyring.json")
    SigningKey.load(kept / "ledger-key.pem")
    public_key = environment_of(prepared / ".env")["FOLLOWUP_CONSOLE_PUBLIC_KEY"]
    assert TokenSigner.load(kept / "console-key.pem").public_key == public_key
    for path in [*kept.iterdir(), prepared / ".env"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    before = {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()}
    prepare(prepared / ".env", prepared / "state")
    assert {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()} == before


def test_preparing_again_for_a_later_version_adds_the_variables_it_asks_for(prepared: Path) -> None:
    env = prepared / ".env"
    before = environment_of(env)
    earlier = [line for line in env.read_text("utf-8").splitlines() if not line.startswith("FOLLOWUP_CONSOLE_")]
    env.write_text("\n".join(earlier) + "\n", encoding="utf-8")
    prepare(env, prepared / "state")
    after = environment_of(env)
    assert after["FOLLOWUP_CONSOLE_PUBLIC_KEY"] == before["FOLLOWUP_CONSOLE_PUBLIC_KEY"]
    assert set(after) == set(before)
    assert {name: value for name, value in after.items() if name != "FOLLOWUP_CONSOLE_PASSWORD"} == {
        name: value for name, value in before.items() if name != "FOLLOWUP_CONSOLE_PASSWORD"
    }


def test_the_console_is_given_neither_keyring_nor_log() -> None:
    console = CONTAINERS["console"]
    assert console["secrets"] == ["operator_token", "console_key"]
    assert not [name for name in console["environment"] if "KEYRING" in name or "KAFKA" in name]


def test_the_shop_to_try_is_in_order_and_its_key_opens_it(prepared: Path) -> None:
    state = prepared / "state"
    directory = MerchantDirectory.load(state / "merchants", environment_of(prepared / ".env"))
    key = (state / "secrets" / "api-key").read_text(encoding="utf-8")
    found = directory.by_api_key(key_sha256(key))
    assert found is not None
    assert found[0].id == "acme"
    [provider] = found[0].config.providers.values()
    assert str(provider.base_url) == "http://simulator:8090"
    assert str(provider.public_url) == "http://ingress:8080"


def test_grafana_finds_the_boards_where_they_are_mounted() -> None:
    targets = [volume.split(":")[1] for volume in CONTAINERS["grafana"]["volumes"]]
    provider = (ROOT / "deploy/grafana/provisioning/dashboards/followup.yml").read_text(encoding="utf-8")
    boards = [target for target in targets if target.endswith(".json")]
    assert {Path(board).parent for board in boards} == {Path("/etc/grafana/boards")}
    assert "/etc/grafana/boards" in provider
    for board in boards:
        assert json.loads((ROOT / "deploy/grafana" / Path(board).name).read_text(encoding="utf-8"))["panels"]
