"""People have one id per merchant, and what is sealed opens only for its merchant."""

import json
from pathlib import Path

import pytest

from shared import aad
from shared.aad import AssociatedData
from shared.errors import ConfigurationFault, Unsealable
from shared.ids import MerchantId
from shared.phone import E164
from shared.privacy import Keyring, Sealer, is_private_file
from shared.testing.sealed import of_old

ACME, OTHER = MerchantId("acme"), MerchantId("other")
HERE = AssociatedData("texts", "body", "1")
ANA = E164("+12125550123")


def test_a_person_has_one_id_with_a_merchant_and_another_with_the_next() -> None:
    sealer = Sealer(Keyring.new())
    assert sealer.recipient_id(ACME, ANA) == sealer.recipient_id(ACME, ANA)
    assert sealer.recipient_id(ACME, ANA) != sealer.recipient_id(OTHER, ANA)
    assert sealer.recipient_id(ACME, ANA) != Sealer(Keyring.new()).recipient_id(ACME, ANA)


def test_sealed_values_hide_open_and_differ_each_time() -> None:
    sealer = Sealer(Keyring.new())
    sealed = sealer.seal(ACME, HERE, b"Ana")
    assert b"Ana" not in sealed
    assert sealed != sealer.seal(ACME, HERE, b"Ana")
    assert sealer.open(ACME, HERE, sealed) == b"Ana"


@pytest.mark.parametrize(
    "spoil", [lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]), lambda blob: blob[:5], lambda _: b""]
)
def test_a_spoilt_blob_is_unsealable(spoil: object) -> None:
    sealer = Sealer(Keyring.new())
    assert callable(spoil)
    with pytest.raises(Unsealable):
        sealer.open(ACME, HERE, spoil(sealer.seal(ACME, HERE, b"Ana")))


def test_another_merchant_cannot_open_it() -> None:
    sealer = Sealer(Keyring.new())
    with pytest.raises(Unsealable):
        sealer.open(OTHER, HERE, sealer.seal(ACME, HERE, b"Ana"))


def test_a_rotated_keyring_opens_the_old_seals_with_the_new_and_keeps_everybodys_id() -> None:
    ring = Keyring.new()
    rotated = ring.rotated()
    old = Sealer(ring).seal(ACME, HERE, b"Ana")
    assert Sealer(rotated).open(ACME, HERE, old) == b"Ana"
    assert Sealer(rotated).recipient_id(ACME, ANA) == Sealer(ring).recipient_id(ACME, ANA)
    assert rotated.fingerprint() == ring.fingerprint()
    with pytest.raises(Unsealable):
        Sealer(ring).open(ACME, HERE, Sealer(rotated).seal(ACME, HERE, b"Ana"))


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


def test_a_value_that_was_moved_does_not_open_and_the_fault_names_where_it_lies() -> None:
    sealer = Sealer(Keyring.new())
    sealed = sealer.seal(ACME, HERE, b"Ana")
    for there in (
        AssociatedData("texts", "body", "2"),
        AssociatedData("texts", "facts", "1"),
        AssociatedData("people", "body", "1"),
    ):
        with pytest.raises(Unsealable, match=f"{there.table}.{there.column} of {there.row}"):
            sealer.open(ACME, there, sealed)
    with pytest.raises(Unsealable):
        sealer.open(OTHER, HERE, sealed)


def test_no_row_can_be_named_so_that_it_is_taken_for_another_place() -> None:
    """A provider makes up the ids of replies: whatever one holds, table and column stay what they are."""
    names = ("x", "x\x1f", "\x1fx", "text\x1fx", "replies\x1ftext\x1fx")
    every = [make(name) for name in names for make in (aad.reply_text, aad.link_target)]
    assert len({place.bound(ACME) for place in every}) == len(every)


def test_what_an_earlier_version_sealed_opens_until_the_key_is_rotated_and_no_newer_key_takes_its_form() -> None:
    old = Keyring(bytes(32), {1: bytes(32)}, 1, bound_from=2)
    unbound = of_old(old, ACME, b"Ana")
    assert Sealer(old).open(ACME, HERE, unbound) == b"Ana"
    assert not Sealer(old).is_current(unbound)
    assert Sealer(old).is_current(Sealer(old).seal(ACME, HERE, b"Ana"))
    rotated = old.rotated()
    assert Sealer(rotated).open(ACME, HERE, unbound) == b"Ana"
    with pytest.raises(Unsealable, match="bound to no place"):
        Sealer(rotated).open(ACME, HERE, of_old(rotated, ACME, b"Ana"))
    with pytest.raises(Unsealable):
        Sealer(old).open(ACME, HERE, b"\x80" + unbound[1:])


def test_a_keyring_file_of_an_earlier_version_is_read_and_its_next_key_binds(tmp_path: Path) -> None:
    path, ring = tmp_path / "keyring.json", Keyring(bytes(32), {1: bytes(32)}, 1, bound_from=2)
    ring.save(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["bound_from"]
    document["check"] = ring.check_of_old()
    path.write_text(json.dumps(document), encoding="utf-8")
    assert Keyring.load(path) == ring
    document["bound_from"] = 1
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigurationFault, match="a byte of the keyring was changed"):
        Keyring.load(path)
