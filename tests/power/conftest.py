import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.power.living import APPLICATION, ENVIRONMENT, Place, listen, live
from tests.power.recording import Operation, Report, Statement, operations


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run: its folder, the writer's statements, the application's file at the beginning, and all operations."""

    place: Place
    reported: list[Report]
    base: bytes
    done: list[Operation]
    provider: list[str]


@pytest.fixture
async def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    place, reported = Place(tmp_path), list[Report]()
    base, again = tmp_path / "base.db", tmp_path / APPLICATION
    with pytest.MonkeyPatch.context() as patch:
        listen(patch, reported, base)
        await live(place, reported)
    shutil.copyfile(base, again)
    done = operations(again, reported)
    return Recorded(place, reported, base.read_bytes(), done, [e.sql for e in done if isinstance(e, Statement)])
