"""One byte of a file changes between runs: the start refuses and names it, or reports what is lost."""

import json
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from shared.db import integrity
from shared.errors import ConfigurationFault
from shared.privacy import Keyring
from tests.power.conftest import Recorded
from tests.power.cutting import Cut, cuts
from tests.power.living import APPLICATION

_FLIPS: Final = 300


def flipped(file: Path, place: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        (byte,) = stream.read(1)
        stream.seek(place)
        stream.write(bytes([byte ^ 0x10]))


def some_table(file: Path, rows: int) -> sqlite3.Connection:
    """Open a database in the application's way, with so many commits in its log."""
    raw = sqlite3.connect(file, isolation_level=None)
    for pragma in ("page_size = 8192", "journal_mode = WAL", "synchronous = FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, thing BLOB)")
    for number in range(rows):
        raw.execute("INSERT INTO things VALUES (?, ?)", (number, bytes(3000)))
    return raw


def test_any_byte_of_a_file_that_was_closed_is_missed(tmp_path: Path) -> None:
    database = tmp_path / APPLICATION
    some_table(database, 30).close()
    integrity.leave(database)
    chance = random.Random(1)  # noqa: S311 - reproducible
    size = database.stat().st_size
    for place in {0, size - 1, *(chance.randrange(size) for _ in range(_FLIPS))}:
        flipped(database, place)
        with pytest.raises(ConfigurationFault, match=r"followup\.db is not as the last clean stop left it"):
            integrity.check(database)
        flipped(database, place)
    assert integrity.check(database) is None


def test_a_backup_that_was_put_in_its_place_is_taken_once_the_old_sum_is_deleted(tmp_path: Path) -> None:
    database = tmp_path / APPLICATION
    some_table(database, 3).close()
    shutil.copyfile(database, tmp_path / "backup.db")
    some_table(tmp_path / "later.db", 9).close()
    shutil.copyfile(tmp_path / "later.db", database)
    integrity.leave(database)
    shutil.copyfile(tmp_path / "backup.db", database)
    with pytest.raises(ConfigurationFault, match=r"delete followup\.db\.sum"):
        integrity.check(database)
    (tmp_path / "followup.db.sum").unlink()
    assert integrity.check(database) is None


def test_any_byte_of_the_log_is_missed(tmp_path: Path) -> None:
    raw = some_table(tmp_path / "running.db", 20)
    chance = random.Random(2)  # noqa: S311 - reproducible
    size = (tmp_path / "running.db-wal").stat().st_size
    reported = refused = 0
    for number, place in enumerate([*range(32), *(chance.randrange(size) for _ in range(_FLIPS))]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for suffix in ("", "-wal"):
            shutil.copyfile(tmp_path / f"running.db{suffix}", folder / f"{APPLICATION}{suffix}")
        flipped(folder / f"{APPLICATION}-wal", place)
        try:
            assert integrity.check(folder / APPLICATION) is not None, f"byte {place} of the log"
            reported += 1
        except ConfigurationFault:
            refused += 1
    raw.close()
    assert refused > 5 * reported > 0


def test_the_log_of_a_killed_application_is_taken_without_a_word(tmp_path: Path) -> None:
    raw = some_table(tmp_path / "running.db", 20)
    for suffix in ("", "-wal"):
        shutil.copyfile(tmp_path / f"running.db{suffix}", tmp_path / f"{APPLICATION}{suffix}")
    raw.close()
    assert integrity.check(tmp_path / APPLICATION) is None


def test_what_a_power_cut_leaves_is_never_taken_for_damage(recorded: Recorded, tmp_path: Path) -> None:
    reported = 0
    for cut in cuts({APPLICATION: recorded.base}, recorded.done, _FLIPS, seed=3):
        folder = tmp_path / "cut"
        folder.mkdir()
        _put(cut, folder)
        reported += integrity.check(folder / APPLICATION) is not None
        shutil.rmtree(folder)
    assert reported < _FLIPS


def test_a_head_torn_between_two_rounds_of_the_log_is_no_commit(tmp_path: Path) -> None:
    """The head of frame 42 lies across two sectors: its commit may be of the round before, its salts of this one."""
    raw = some_table(tmp_path / "running.db", 100)
    log, size, place = tmp_path / "running.db-wal", 8192 + 24, 41
    raw.execute("PRAGMA wal_checkpoint(RESTART)")
    raw.execute("INSERT INTO things VALUES (1000, x'00')")
    synced = log.read_bytes()
    raw.execute("BEGIN")
    raw.executemany("INSERT INTO things VALUES (?, ?)", [(number, bytes(3000)) for number in range(2000, 2150)])
    raw.execute("COMMIT")
    image = bytearray(log.read_bytes())
    shutil.copyfile(tmp_path / "running.db", tmp_path / APPLICATION)
    raw.close()
    first = next(
        start for start in range(32, len(image), size) if image[start : start + 24] != synced[start : start + 24]
    )
    image[first : first + size] = synced[first : first + size]
    torn = 32 + place * size
    assert torn % 512 == 512 - 8
    assert first < torn < len(image) - 10 * size
    image[torn : torn + 8] = (19).to_bytes(4, "big") + (217).to_bytes(4, "big")
    (tmp_path / f"{APPLICATION}-wal").write_bytes(image)
    assert "torn by a power cut" in (integrity.check(tmp_path / APPLICATION) or "")


def _put(cut: Cut, folder: Path) -> None:
    for name, image in cut.files.items():
        (folder / name).write_bytes(image)


def test_any_changed_key_of_a_keyring_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.json"
    Keyring.new().rotated().save(whole)
    text = whole.read_bytes()
    keys = json.loads(text)
    material = [keys["hash_key"], *(key["key"] for key in keys["sealing_keys"])]
    for name in material:
        start = text.index(name.encode())
        for place in range(start, start + len(name)):
            for bit in (1, 0x10):
                broken = tmp_path / "broken.json"
                changed = text[:place] + bytes([text[place] ^ bit]) + text[place + 1 :]
                broken.write_bytes(changed)
                try:
                    again = Keyring.load(broken)
                except ConfigurationFault:
                    continue
                assert again == Keyring.load(whole)  # bits of base64 that mean nothing


def test_a_keyring_of_an_earlier_version_has_no_check_and_is_read(tmp_path: Path) -> None:
    ring = Keyring.new()
    ring.save(tmp_path / "new.json")
    document = json.loads((tmp_path / "new.json").read_text())
    del document["check"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert Keyring.load(tmp_path / "old.json") == ring
