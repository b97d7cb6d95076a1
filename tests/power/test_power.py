"""The power goes at any write of a run: what was acknowledged is there, nothing is torn, and no text goes twice.

The application's own statements are run again through a VFS that notes every write and sync (apsw); from these the
files are built as a cut would leave them. `FOLLOWUP_POWER_CUTS` and `FOLLOWUP_POWER_RESTARTS` take other numbers.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

import pytest
from fastapi import APIRouter

from services.embedded import Application
from services.sender.queue.states import LIVE_STATES
from services.simulator.count import callback_id, count
from shared.chain import GENESIS, chained
from shared.clock import write_offset
from shared.testing.waiting import until
from tests.power.conftest import Recorded
from tests.power.cutting import Cut, cuts
from tests.power.living import APPLICATION, PROVIDER, Place, idle, taken
from tests.power.recording import operations
from tests.seeds import SEED

CUTS: Final = int(os.environ.get("FOLLOWUP_POWER_CUTS", "10000"))
RESTARTS: Final = int(os.environ.get("FOLLOWUP_POWER_RESTARTS", "100"))
_PATIENCE_SECONDS: Final = 120
_AT_ONCE: Final = 6
"""Applications that run at the same time, each with its own folder: most of a start is waiting."""
_SEED: Final = 1 + SEED
_COUNTED: Final = {
    "events": "SELECT count(*) FROM ingest_deliveries",
    "texts": "SELECT count(*) FROM scheduler_follow_ups WHERE flow = 'api'",
    "stops": "SELECT count(*) FROM sender_recipients WHERE suppressed IS NOT NULL",
}
_LIVE: Final = ", ".join(repr(str(state)) for state in sorted(LIVE_STATES))
_LIVE_TWICE: Final = (
    f"SELECT +follow_up_id FROM sender_attempts WHERE +state IN ({_LIVE}) GROUP BY +follow_up_id HAVING count(*) > 1"  # noqa: S608 - our own states
)


def put(cut: Cut, folder: Path) -> Path:
    """Write what the cut left into a folder, and return the database."""
    for old in folder.glob(f"{APPLICATION}*"):
        old.unlink()
    for name, image in cut.files.items():
        if image or name == APPLICATION:
            (folder / name).write_bytes(image)
    return folder / APPLICATION


def wrongs(database: Path, cut: Cut, called: set[bytes]) -> list[str]:
    """Return what a plain SQLite finds wrong in what the cut left."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        raw.execute("PRAGMA synchronous = OFF")
        checked = [] if cut.after % 8 else [row[0] for row in raw.execute("PRAGMA quick_check") if row[0] != "ok"]
        found = [
            f"{what}: {number} acknowledged, {kept} there"
            for what, number in cut.acknowledged.items()
            if (kept := raw.execute(_COUNTED[what]).fetchone()[0]) < number
        ]
        twice = [f"two live attempts for {row[0].hex()}" for row in raw.execute(_LIVE_TWICE)]
        attempts = {bytes(row[0]) for row in raw.execute("SELECT id FROM sender_attempts")}
        unknown = [f"the provider was called for {each.hex()} without an intent" for each in called - attempts]
        return [*checked, *found, *twice, *unknown, *broken_chains(raw)]


def broken_chains(raw: sqlite3.Connection) -> list[str]:
    """Return whose ledger does not follow, or does not end where their standing says."""
    heads: dict[bytes, str] = {}
    broken = []
    rows = "SELECT recipient_id, canonical, hash FROM compliance_consent_ledger ORDER BY recipient_id, position"
    for person, canonical, stored in raw.execute(rows):
        heads[person] = chained(heads.get(person, GENESIS), canonical)
        if heads[person] != stored:
            broken.append(f"the ledger of {person.hex()} does not follow")
    standings = dict(raw.execute("SELECT recipient_id, chain_hash FROM compliance_standings WHERE epoch > 0"))
    return broken if standings == heads else [*broken, "the ledger and the standings end differently"]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Yield a folder in memory where there is one: the cuts are made by the test, and the disk is not its matter."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


class Provider:
    """The provider's record up to each point of the run, grown as the points go on."""

    def __init__(self, statements: list[str]) -> None:
        self._statements = statements
        self._heard = 0
        self._least = 1 + max(place for place, sql in enumerate(statements) if sql.lstrip().startswith("CREATE"))
        """A cut may fall before the provider has made its tables; it makes them before it takes a call."""
        self._raw = sqlite3.connect(":memory:", isolation_level=None)
        self.called: set[bytes] = set()

    def until(self, heard: int) -> sqlite3.Connection:
        """Return the record after so many statements."""
        heard = max(heard, self._least)
        fresh = self._statements[self._heard : heard]
        self._heard = max(self._heard, heard)
        for sql in fresh:
            self._raw.execute(sql)
        if any("INSERT" in sql for sql in fresh):
            asked = "SELECT status_callback FROM texts WHERE direction = 'outbound-api'"
            self.called = {UUID(callback_id(row[0], ("attempt",))).bytes for row in self._raw.execute(asked)}
        return self._raw

    def copy(self, heard: int, file: Path, moved: tuple[str, str]) -> None:
        """Write the record after so many statements to a file; one that was under way is finished.

        The application has moved from one address to another: the provider tells it there what becomes of its texts.
        """
        raw = self.until(heard)
        in_doubt = raw.in_transaction
        with closing(sqlite3.connect(file)) as copy:
            if in_doubt:
                raw.execute("COMMIT")
            raw.backup(copy)
            if in_doubt:
                raw.execute("BEGIN")
            copy.execute("UPDATE texts SET status_callback = replace(status_callback, ?, ?)", moved)
            copy.commit()


def survey(recorded: Recorded, number: int) -> tuple[list[str], set[tuple[tuple[str, int], ...]]]:
    """Return what is wrong after each of so many cuts, and between which answers they fell."""
    provider = Provider(recorded.provider)
    between = set()
    wrong: list[str] = []
    with quick_folder() as folder:
        for cut in cuts({APPLICATION: recorded.base}, recorded.done, number, _SEED):
            provider.until(cut.provider)
            wrong += [
                f"{each} (after operation {cut.after})" for each in wrongs(put(cut, folder), cut, provider.called)
            ]
            between.add(tuple(sorted(cut.acknowledged.items())))
    return wrong, between


@pytest.mark.timeout(600)
def test_whatever_a_power_cut_leaves_holds_what_was_acknowledged(recorded: Recorded) -> None:
    wrong, between = survey(recorded, CUTS)
    assert wrong[:5] == [], f"seed {_SEED}"
    assert len(between) > 15, "the cuts did not fall between the answers"


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_ten_times_as_many_cuts_hold_as_well(recorded: Recorded) -> None:
    assert survey(recorded, 10 * CUTS)[0][:5] == [], f"seed {_SEED}"


def test_a_writer_that_answered_before_its_sync_would_be_found_out(recorded: Recorded, tmp_path: Path) -> None:
    database = tmp_path / "hasty" / APPLICATION
    database.parent.mkdir()
    database.write_bytes(recorded.base)
    hasty = replace(recorded, done=operations(database, recorded.reported, synchronous="NORMAL"))
    assert any("acknowledged" in each for each in survey(hasty, 300)[0])


@contextmanager
def without_unused_routes() -> Iterator[None]:
    """Leave out the routes that no test calls, which take longest to build; what a provider calls is built otherwise.

    Unanswered calls are asked after often.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLLOWUP_SENDER_RECONCILE_SECONDS", "0.2")
        patch.setattr(APIRouter, "add_api_route", lambda *_args, **_more: None)
        yield


async def starts_after_cuts(recorded: Recorded, folder: Path, number: int) -> None:
    """Start an application on what each of so many cuts left, let it do what it finds to do, and ask the provider."""
    provider = Provider(recorded.provider)
    free: asyncio.Queue[Place] = asyncio.Queue()
    for each in range(_AT_ONCE):
        free.put_nowait(Place(folder / f"place-{each}", recorded.place.keyring))
    grown: list[int] = []
    with without_unused_routes():
        async with asyncio.TaskGroup() as group:
            for made, cut in enumerate(cuts({APPLICATION: recorded.base}, recorded.done, number, _SEED + 1)):
                place = await free.get()
                data = folder / f"restart-{made}"
                data.mkdir()
                put(cut, data)
                provider.copy(cut.provider, data / PROVIDER, (recorded.place.address, place.address))
                group.create_task(_start(place, data, timedelta(hours=3 * made), cut, grown, free))
    assert len(grown) == number
    assert sum(grown) > 0, "no application had anything left to send"


async def _start(
    place: Place, data: Path, later: timedelta, cut: Cut, grown: list[int], free: asyncio.Queue[Place]
) -> None:
    write_offset(place.clock_file, later)
    before, begun = taken(data / PROVIDER), datetime.now(UTC) + later
    async with place.application(data) as (_client, application):
        await idle(application, data, _PATIENCE_SECONDS)
        write_offset(place.clock_file, later + timedelta(minutes=12))
        await until(lambda: _has_moved(application, begun + timedelta(minutes=12)), _PATIENCE_SECONDS)
        await idle(application, data, _PATIENCE_SECONDS)
    grown.append(taken(data / PROVIDER) - before)
    assert count(data / PROVIDER)["duplicates"] == [], f"after operation {cut.after}, seed {_SEED}"
    shutil.rmtree(data)
    free.put_nowait(place)


async def _has_moved(application: Application, to: datetime) -> bool:
    return application.runtime.clock.now() >= to


@pytest.mark.timeout(600)
async def test_an_application_that_starts_after_a_power_cut_sends_nothing_twice(
    recorded: Recorded, tmp_path: Path
) -> None:
    await starts_after_cuts(recorded, tmp_path, RESTARTS)


@pytest.mark.torture
@pytest.mark.timeout(3000)
async def test_ten_times_as_many_starts_send_nothing_twice(recorded: Recorded, tmp_path: Path) -> None:
    await starts_after_cuts(recorded, tmp_path, 10 * RESTARTS)
