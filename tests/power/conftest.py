import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.power.living import APPLICATION, ENVIRONMENT, Place, listen, live
from tests.power.recording import Operation, Statement, Told, operations


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run: its folder, the writer's statements, the application's file at the beginning, and all operations."""

    place: Place
    told: list[Told]
    base: bytes
    done: list[Operation]
    provider: list[str]


@pytest.fixture
async def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    place, told = Place(tmp_path), list[Told]()
    base, again = tmp_path / "base.db", tmp_path / APPLICATION
    with pytest.MonkeyPatch.context() as patch:
        listen(patch, told, base)
        await live(place, told)
    shutil.copyfile(base, again)
    done = operations(again, told)
    return Recorded(place, told, base.read_bytes(), done, [e.sql for e in done if isinstance(e, Statement)])
