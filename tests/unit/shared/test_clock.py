"""The clock moves with its file, keeps the last good offset, and knows when it jumped."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from shared import clock
from shared.clock import SystemClock, prefer_tzdata_wheel, read_offset, write_offset


def test_processes_with_one_clock_file_move_together(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    write_offset(file, timedelta(hours=9))
    one, two = SystemClock(file), SystemClock(file)
    assert abs(one.now() - two.now()) < timedelta(seconds=1)
    assert abs(one.now() - SystemClock().now() - timedelta(hours=9)) < timedelta(seconds=1)


def test_a_broken_clock_file_keeps_the_last_good_offset(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    file.write_text("nonsense")
    assert read_offset(file, default=timedelta(seconds=5)) == timedelta(seconds=5)
    assert read_offset(tmp_path / "missing") == timedelta()


def test_a_jump_forward_of_more_than_five_minutes_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: steady)
    with time_machine.travel("2026-12-01T12:00:00Z", tick=False) as travel:
        watched = SystemClock()
        travel.shift(clock.JUMP_TOLERANCE_SECONDS)
        assert watched.is_trustworthy()
        travel.shift(1)
        assert not watched.is_trustworthy()


def test_after_a_jump_the_clock_is_trusted_again_once_both_clocks_have_walked_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steady = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])
    with time_machine.travel("2026-12-01T12:00:00Z", tick=False) as travel:
        watched = SystemClock()
        travel.shift(3600)
        seen = []
        for _ in range(int(clock.STEADY_SECONDS // 60)):
            seen.append(watched.is_trustworthy())
            steady[0] += 60
            travel.shift(60)
        assert not any(seen)
        assert watched.is_trustworthy()
        travel.shift(clock.JUMP_TOLERANCE_SECONDS + 1)
        assert not watched.is_trustworthy()


def test_a_clock_that_goes_on_jumping_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])
    with time_machine.travel("2026-12-01T12:00:00Z", tick=False) as travel:
        watched = SystemClock()
        travel.shift(3600)
        for step in range(60):
            assert not watched.is_trustworthy()
            steady[0] += 60
            travel.shift(60 + (30 if step % 2 else -30))


def test_time_zones_come_from_the_locked_package_and_know_this_years_laws() -> None:
    prefer_tzdata_wheel()
    winter = datetime(2026, 12, 15, tzinfo=UTC)
    assert winter.astimezone(ZoneInfo("America/Edmonton")).utcoffset() == timedelta(hours=-6)
    assert winter.astimezone(ZoneInfo("America/Vancouver")).utcoffset() == timedelta(hours=-7)
