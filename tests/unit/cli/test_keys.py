"""`followup keys rotate`: one of the two keyrings is always there, and each step of several processes has its turn."""

from pathlib import Path

import pytest

from services.cli import keys
from shared.aad import AssociatedData
from shared.errors import ConfigurationFault
from shared.ids import MerchantId
from shared.privacy import Keyring, Sealer
from tests.web.test_access import MERCHANT

ACME = MerchantId("acme")
HERE = AssociatedData("texts", "body", "1")


def test_a_rotation_in_one_process_adds_a_key_and_keeps_the_old(tmp_path: Path) -> None:
    ring = Keyring.new()
    data, acme = tmp_path / "data", tmp_path / "merchants" / "acme"
    data.mkdir()
    acme.mkdir(parents=True)
    (acme / "merchant.yaml").write_text(MERCHANT)
    ring.save(data / "keyring.json")
    with pytest.raises(BaseException) as ended:  # noqa: PT011 - typer's way to end
        keys.rotate(acme.parent, data)
    assert getattr(ended.value, "exit_code", None) == 0
    rotated = Keyring.load(data / "keyring.json")
    assert (rotated.hash_key, rotated.active) == (ring.hash_key, 2)
    assert rotated.sealing_keys[1] == ring.sealing_keys[1]
    assert Sealer(rotated).open(ACME, HERE, Sealer(ring).seal(ACME, HERE, b"old")) == b"old"
    assert (data / "keyring.json").stat().st_mode & 0o077 == 0


def test_several_processes_can_open_with_a_key_before_anybody_seals_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keyring.json"
    Keyring.new().save(path)
    monkeypatch.setenv("FOLLOWUP_KAFKA_BOOTSTRAP", "kafka.test:9092")
    monkeypatch.setenv("FOLLOWUP_KEYRING_FILE", str(path))
    with pytest.raises(ConfigurationFault, match="--prepare"):
        keys.rotate()
    keys.rotate(prepare=True)
    everywhere = Sealer(Keyring.load(path))
    with pytest.raises(ConfigurationFault, match="restart every process"):
        keys.rotate(prepare=True)
    keys.rotate()
    newest = Sealer(Keyring.load(path))
    assert everywhere.open(ACME, HERE, newest.seal(ACME, HERE, b"new")) == b"new"
    assert newest.open(ACME, HERE, everywhere.seal(ACME, HERE, b"old")) == b"old"


def test_a_keyring_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    ring = Keyring.new()
    (tmp_path / "keyring.json").mkdir()
    with pytest.raises(ConfigurationFault, match="cannot be replaced"):
        ring.replace(tmp_path / "keyring.json")
