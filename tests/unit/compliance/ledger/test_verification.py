"""The verifier that is handed out: its own Ed25519, and every way a file can be wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services.compliance.ledger import verification
from services.compliance.ledger.entries import LedgerEntry
from services.compliance.ledger.verification import FORMAT, Verifier, is_signed
from shared.chain import GENESIS, chained, daily_root
from shared.errors import ConfigurationFault
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope
from shared.ids import EventId, MerchantId, RecipientId
from shared.privacy import is_private_file
from shared.settings import ProcessSettings
from shared.signing import KEY_FILE, SigningKey, key_of

KEY = SigningKey.new()
START = datetime(2026, 12, 1, 23, tzinfo=UTC)
ENTRY = LedgerEntry(
    entry_id=EventId(UUID(int=7)),
    merchant_id=MerchantId("acme"),
    recipient_id=RecipientId(UUID(int=1)),
    act=ConsentAct.GRANTED,
    scope=ConsentScope.MARKETING,
    level=ConsentLevel.PEWC,
    recorded_at=START,
    method="checkout",
    source="https://acme.example/§",
)
Rows = list[dict[str, object]]


def ledger() -> Rows:
    """Return the rows of a ledger: two people, an entry an hour for each from 23:00 on, so over two days."""
    rows: Rows = [{"kind": "header", "format": FORMAT, "merchant": "acme"}]
    days: dict[str, dict[str, str]] = {}
    for person in (UUID(int=1), UUID(int=2)):
        entries: Rows = []
        head = GENESIS
        for position in range(3):
            at = START + timedelta(hours=position)
            entry = replace(ENTRY, recipient_id=RecipientId(person), recorded_at=at)
            head = chained(head, entry.canonical())
            canonical = entry.canonical().decode()
            entries.append({"kind": "entry", "position": position, "canonical": canonical, "hash": head})
            days.setdefault(at.date().isoformat(), {})[str(person)] = head
        rows += [{"kind": "person", "recipient": str(person), "head": head}, *entries]
    previous = GENESIS
    for day, heads in days.items():
        root = daily_root("acme", day, previous, heads)
        signed = {"root": root, "signature": KEY.signature(root), "public_key": KEY.public_key}
        rows.append({"kind": "root", "day": day, "previous": previous, **signed})
        previous = root
    return [*rows, {"kind": "end", "person": 2, "entry": 6, "root": 2}]


def verified(rows: Rows, *keys: str) -> Verifier:
    verifier = Verifier(frozenset(keys))
    for row in rows:
        verifier.feed(json.dumps(row))
    verifier.finish()
    return verifier


def test_an_untouched_ledger_holds() -> None:
    found = verified(ledger(), KEY.public_key)
    assert found.problems == []
    assert found.counts["entry"] == 6
    assert found.keys == {KEY.public_key}
    assert found.unsigned_days == []


def test_a_day_that_is_not_over_is_no_problem_and_is_named() -> None:
    rows = [row for row in ledger() if row.get("day") != "2026-12-02"]
    rows[-1]["root"] = 1
    found = verified(rows)
    assert found.problems == []
    assert found.unsigned_days == ["2026-12-02"]


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda rows: rows[2].update(canonical=str(rows[2]["canonical"]).replace("granted", "revoked")), "entry 0"),
        (lambda rows: rows[3].update(hash="0" * 64), "entry 1"),
        (lambda rows: rows[4].update(position=7), "entry 7"),
        (lambda rows: rows.pop(3), "does not follow"),
        (lambda rows: rows.pop(4), "does not end"),
        (lambda rows: rows[1].update(head="1" * 64), "does not end"),
        (lambda rows: rows[1].update(recipient="somebody else"), "does not follow"),
        (lambda rows: rows[0].update(merchant="other"), "does not follow"),
        (lambda rows: rows[0].update(format="followup-ledger/9"), "does not follow"),
        (lambda rows: rows.__delitem__(slice(1, 5)), "2026-12-01: the root"),
        (lambda rows: rows[9].update(day="2026-12-03"), "2026-12-01: there are entries"),
        (lambda rows: rows[9].update(root="2" * 64), "2026-12-01: the root is not that"),
        (lambda rows: rows[10].update(signature=rows[9]["signature"]), "2026-12-02: the root is not signed"),
        (lambda rows: rows[10].update(signature="ff"), "2026-12-02: the root is not signed"),
        (lambda rows: rows[10].update(signature="no hex"), "2026-12-02: the root is not signed"),
        (lambda rows: rows.__setitem__(slice(9, 11), [rows[10], rows[9]]), "the root is not that"),
        (lambda rows: rows.pop(9), "2026-12-02: the root is not that"),
        (lambda rows: rows.append(rows[9]), "2026-12-01: the root is not that"),
        (lambda rows: rows.pop(), "the end of the file"),
        (lambda rows: rows[11].update(entry=7), "the end of the file"),
        (lambda rows: rows.insert(5, {"kind": "surprise"}), "a line that is not of the format"),
        (lambda rows: rows.insert(5, {"kind": "entry"}), "a line that is not of the format"),
    ],
)
def test_whatever_is_changed_left_out_or_added_is_named(spoil: Callable[[Rows], object], named: str) -> None:
    rows = ledger()
    spoil(rows)
    problems = verified(rows).problems
    assert any(named in problem for problem in problems), problems


def test_a_root_that_was_made_anew_with_another_key_is_not_trusted() -> None:
    assert any("trust" in problem for problem in verified(ledger(), SigningKey.new().public_key).problems)


def test_a_signature_holds_for_its_root_and_its_key_alone() -> None:
    signature = KEY.signature("ab")
    assert is_signed("ab", signature, KEY.public_key)
    assert not is_signed("ac", signature, KEY.public_key)
    assert not is_signed("ab", signature, SigningKey.new().public_key)
    assert not is_signed("ab", signature, KEY.public_key[:62])
    assert not is_signed("ab", "ff" * 64, KEY.public_key)
    assert not is_signed("ab", signature + "00", KEY.public_key)


def test_the_sum_of_scalar_and_order_is_no_second_spelling_of_a_signature() -> None:
    # RFC 8032 section 5.1.7: the scalar lies below the order, else every signature would have a twin.
    signature = bytes.fromhex(KEY.signature("ab"))
    scalar = int.from_bytes(signature[32:], "little") + verification._ORDER
    twin = signature[:32] + scalar.to_bytes(32, "little")
    assert not is_signed("ab", twin.hex(), KEY.public_key)


def test_the_program_names_what_is_broken_and_answers_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "acme.ledger"
    file.write_text("".join(json.dumps(row) + "\n" for row in ledger()), encoding="utf-8")
    assert verification.main([str(file), KEY.public_key]) == 0
    assert "BROKEN" not in capsys.readouterr().out
    file.write_text(file.read_text(encoding="utf-8").replace("granted", "revoked", 1), encoding="utf-8")
    assert verification.main([str(file)]) == 1
    assert "BROKEN person 00000000-0000-0000-0000-000000000001: entry 0" in capsys.readouterr().out


def test_the_verifier_is_short_and_imports_nothing_but_the_standard_library() -> None:
    source = Path(verification.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) < 250
    assert "services" not in source
    assert "shared" not in source


def test_a_key_is_made_once_beside_the_keyring_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = key_of(None, ProcessSettings(data_dir=tmp_path))
    again = key_of(None, ProcessSettings(data_dir=tmp_path / "elsewhere", keyring_file=tmp_path / "keyring.json"))
    assert first is not None
    assert again is not None
    assert first.public_key == again.public_key
    assert is_private_file(tmp_path / KEY_FILE)
    with pytest.raises(FileExistsError):
        first.save(tmp_path / KEY_FILE)


def test_without_a_folder_there_is_no_key(tmp_path: Path) -> None:
    assert key_of(None, ProcessSettings(data_dir=tmp_path / "missing")) is None


def test_a_named_key_must_exist_and_be_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="cannot be read"):
        key_of(tmp_path / "missing.pem", ProcessSettings())
    (tmp_path / "other.pem").write_text("not a key", encoding="ascii")
    with pytest.raises(ConfigurationFault, match="not a signing key"):
        key_of(tmp_path / "other.pem", ProcessSettings())


def test_a_key_does_not_show_itself() -> None:
    assert "Ed25519" not in repr(KEY)
