"""People have one id per merchant, and what is sealed opens only for its merchant."""

from pathlib import Path

import pytest

from shared.errors import ConfigurationFault
from shared.ids import MerchantId
from shared.phone import E164
from shared.privacy import Keyring, Sealer, Unsealable, is_private_file

ACME, OTHER = MerchantId("acme"), MerchantId("other")
ANA = E164("+12125550123")


def test_a_person_has_one_id_with_a_merchant_and_another_with_the_next() -> None:
    sealer = Sealer(Keyring.new())
    assert sealer.recipient_id(ACME, ANA) == sealer.recipient_id(ACME, ANA)
    assert sealer.recipient_id(ACME, ANA) != sealer.recipient_id(OTHER, ANA)
    assert sealer.recipient_id(ACME, ANA) != Sealer(Keyring.new()).recipient_id(ACME, ANA)


def test_sealed_values_hide_open_and_differ_each_time() -> None:
    sealer = Sealer(Keyring.new())
    sealed = sealer.seal(ACME, b"Ana")
    assert b"Ana" not in sealed
    assert sealed != sealer.seal(ACME, b"Ana")
    assert sealer.open(ACME, sealed) == b"Ana"


@pytest.mark.parametrize(
    "spoil", [lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]), lambda blob: blob[:5], lambda _: b""]
)
def test_a_spoilt_blob_is_unsealable(spoil: object) -> None:
    sealer = Sealer(Keyring.new())
    assert callable(spoil)
    with pytest.raises(Unsealable):
        sealer.open(ACME, spoil(sealer.seal(ACME, b"Ana")))


def test_another_merchant_cannot_open_it() -> None:
    sealer = Sealer(Keyring.new())
    with pytest.raises(Unsealable):
        sealer.open(OTHER, sealer.seal(ACME, b"Ana"))


def test_a_rotated_keyring_opens_the_old_seals_with_the_new_and_keeps_everybodys_id() -> None:
    ring = Keyring.new()
    rotated = ring.rotated()
    old = Sealer(ring).seal(ACME, b"Ana")
    assert Sealer(rotated).open(ACME, old) == b"Ana"
    assert Sealer(rotated).recipient_id(ACME, ANA) == Sealer(ring).recipient_id(ACME, ANA)
    assert rotated.fingerprint() == ring.fingerprint()
    with pytest.raises(Unsealable):
        Sealer(ring).open(ACME, Sealer(rotated).seal(ACME, b"Ana"))


def test_a_keyring_file_is_private_and_is_never_overwritten(tmp_path: Path) -> None:
    path, ring = tmp_path / "keyring.json", Keyring.new()
    ring.save(path)
    assert is_private_file(path)
    assert Keyring.load(path) == ring
    with pytest.raises(FileExistsError):
        Keyring.new().save(path)


@pytest.mark.parametrize("content", ["", "{}", '{"hash_key": "AA==", "sealing_keys": [], "active": 1}', "[1]"])
def test_a_file_that_is_no_keyring_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(content)
    with pytest.raises(ConfigurationFault, match=r"keyring\.json"):
        Keyring.load(path)


def test_a_missing_keyring_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="restore it from your backup"):
        Keyring.load(tmp_path / "none.json")
