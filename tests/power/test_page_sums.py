"""A byte of a page changes after a crash: the next start refuses and names the page; what a crash leaves is taken."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from shared.db import integrity, page_sums, sqlite
from shared.db.page_sums import PageSums, sums_of
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import WritePriority
from shared.errors import ConfigurationFault
from tests.power.living import APPLICATION
from tests.power.test_flipped_byte import flipped, some_table

_FLIPS: Final = 120
_SUFFIXES: Final = ("", "-wal", page_sums.SUMS_SUFFIX)


def killed(database: Path, folder: Path) -> Path:
    """Return the file as a process that is killed at this moment leaves it."""
    folder.mkdir()
    for suffix in _SUFFIXES:
        source = database.with_name(database.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / database.name


def torn(before: Path, after: Path, into: Path, chance: random.Random, size: int) -> None:
    """Write a file of which some parts are as before and some as after."""
    old, new = before.read_bytes(), after.read_bytes()
    old += bytes(len(new) - len(old))
    parts = range(0, len(new), size)
    into.write_bytes(b"".join((new if chance.random() < 0.5 else old)[start : start + size] for start in parts))


def rows(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as raw:
        return raw.execute("SELECT * FROM things ORDER BY id").fetchall()


async def crashes(folder: Path, monkeypatch: pytest.MonkeyPatch, commits: int = 60) -> list[Path]:
    """Return what kills left of one file: after commits, before and amidst the copying of the log."""
    monkeypatch.setattr(sqlite, "_CHECKPOINT_PAGES", 40)
    monkeypatch.setattr(sqlite, "_CHECKPOINT_AGAIN_PAGES", 10)
    chance, left = random.Random(4), list[Path]()  # noqa: S311 - reproducible
    database = folder / APPLICATION
    some_table(database, 30).close()
    file = SQLiteDatabase(database, summed=True)
    copied = SQLiteDatabase._checkpoint
    kept = PageSums.keep

    def keep(self: PageSums) -> None:
        before = killed(database, folder / f"before-{len(left)}")
        kept(self)
        after = killed(database, folder / f"kept-{len(left)}")
        torn(sums_of(before), sums_of(after), sums_of(before), chance, 4)
        left.extend((before, after))

    def checkpoint(self: SQLiteDatabase, raw: sqlite3.Connection) -> None:
        before = killed(database, folder / f"whole-{len(left)}")
        copied(self, raw)
        if database.read_bytes() != before.read_bytes():
            amidst = killed(database, folder / f"amidst-{len(left)}")
            torn(before, database, amidst, chance, 512)
            left.append(amidst)
        left.append(before)

    monkeypatch.setattr(PageSums, "keep", keep)
    monkeypatch.setattr(SQLiteDatabase, "_checkpoint", checkpoint)
    await file.start()
    for number in range(commits):
        statement = sa.text("INSERT OR REPLACE INTO things VALUES (:row, zeroblob(:size))")
        values = {"row": chance.randrange(60) + 60 * (number // 40), "size": chance.randrange(9000)}
        await file.write(lambda db, s=statement, v=values: db.execute(s, v), WritePriority.BATCHES)  # type: ignore[misc] # a lambda with defaults
    await file.stop()
    monkeypatch.undo()
    integrity.leave(database)
    assert integrity.check(database) is None
    assert sum("amidst" in str(each) for each in left) > 2
    return left


async def test_whatever_a_kill_leaves_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for database in await crashes(tmp_path, monkeypatch):
        assert integrity.check(database) is None, database.parent.name
        assert not sums_of(database).exists()


@pytest.mark.parametrize("former", [None, "DELETE", "WAL"])
async def test_a_kill_before_the_log_was_ever_copied_is_taken(tmp_path: Path, former: str | None) -> None:
    database = tmp_path / APPLICATION
    if former:
        with closing(some_table(database, 3)) as raw:
            raw.execute(f"PRAGMA journal_mode = {former}")
    file = SQLiteDatabase(database, summed=True)
    await file.start()
    table = sa.text("CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY, thing BLOB)")
    await file.write(lambda db: db.execute(table), WritePriority.BATCHES)
    await file.write(lambda db: db.execute(sa.text("REPLACE INTO things VALUES (1, 'x')")), WritePriority.BATCHES)
    left = killed(database, tmp_path / "killed")
    await file.stop()
    assert integrity.check(left) is None


async def test_a_file_that_another_program_opened_and_closed_after_a_kill_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for database in await crashes(tmp_path, monkeypatch):
        assert rows(database)
        assert integrity.check(database) is None


async def test_a_byte_that_changes_after_a_kill_is_refused_or_is_of_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, refused = random.Random(5), 0  # noqa: S311 - reproducible
    left = await crashes(tmp_path, monkeypatch)
    for number in range(_FLIPS):
        source = chance.choice(left)
        database = killed(source, tmp_path / f"flipped-{number}")
        which = database if number % 8 else sums_of(database)
        flipped(which, chance.randrange(which.stat().st_size))
        try:
            assert integrity.check(database) is None
        except ConfigurationFault as fault:
            refused += str(database) in fault.detail
            continue
        assert rows(database) == rows(killed(source, tmp_path / f"whole-of-{number}")), f"{which} {number}"
    assert refused > _FLIPS / 2


async def test_a_file_whose_sums_cannot_be_written_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_CHECKPOINT_PAGES", 2)
    monkeypatch.setattr(PageSums, "keep", lambda _self: (_ for _ in ()).throw(OSError("the disk is full")))
    database = tmp_path / APPLICATION
    some_table(database, 3).close()
    file = SQLiteDatabase(database, summed=True)
    await file.start()
    for _ in range(3):
        await file.write(lambda db: db.execute(sa.text("UPDATE things SET thing = 'x'")), WritePriority.BATCHES)
    left = killed(database, tmp_path / "killed")
    await file.stop()
    assert not sums_of(database).exists()
    assert integrity.check(left) is None
