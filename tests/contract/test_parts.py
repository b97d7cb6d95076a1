"""Where a real part cannot be had: skipped aloud on a laptop, a failure where it is required."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.testing import connected
from shared.testing.connected import REQUIRED_VARIABLE, PartMissing, Server
from tests.parts import part


@contextmanager
def missing(*, part: Server | None = None) -> Iterator[Server]:
    if part is None:
        raise PartMissing("install it")
    yield part


def test_a_missing_part_skips_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED_VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="install it"):
        next(part(missing()))


def test_a_missing_part_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED_VARIABLE, "1")
    with pytest.raises(pytest.fail.Exception, match="install it"):
        next(part(missing()))


def test_without_binaries_there_is_no_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(connected, "POSTGRESQL_FOLDER", tmp_path)
    with pytest.raises(PartMissing, match="DATABASE_URL"), connected.postgresql():
        pass


@pytest.mark.parametrize("absent", ["java", "mvn"])
def test_without_java_or_the_means_to_fetch_it_there_is_no_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    which = shutil.which
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setattr(connected, "CACHE", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == absent else which(name) or "/usr/bin/true")
    with pytest.raises(PartMissing, match="KAFKA_BOOTSTRAP"), connected.kafka():
        pass


def test_parts_that_run_already_are_used_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://me@somewhere/followup")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "somewhere:9092")
    with connected.postgresql() as database, connected.kafka() as broker:
        assert (database.address, broker.address) == ("postgresql://me@somewhere/followup", "somewhere:9092")
        database.start()
        broker.stop()
        assert database.process is None
