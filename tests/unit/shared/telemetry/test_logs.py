"""Nothing that looks like a phone number leaves through a log line, of this code or of a library."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.telemetry import logs
from shared.telemetry.logs import MOST_LINES, RepeatFilter


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Give the process its loggers back: these write to a stream that ends with the test."""
    handlers = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def test_our_lines_and_the_libraries_lines_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", form="json")
    logs.logger("test").info("something_happened", detail="to +12125550123 at noon", count=3)
    logging.getLogger("library").warning("calling %s now", "+12125550123")
    written = capsys.readouterr().err
    assert "something_happened" in written
    assert "calling" in written
    assert "2125550123" not in written
    assert '"count": 3' in written


def test_what_only_looks_a_little_like_a_number_stays(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", form="json")
    logs.logger("test").info("offset", detail="UTC+02:00 and +49", id="018c0000-0000")
    assert "UTC+02:00 and +49" in capsys.readouterr().err


def failing(words: str) -> None:
    try:
        int(words)
    except ValueError as inner:
        raise RuntimeError(words) from inner


def test_an_exception_is_logged_by_place_and_type_never_by_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", form="json")
    words = "Ana at (212) 555-0123"
    try:
        failing(words)
    except RuntimeError:
        logging.getLogger("library").exception("it failed")
        logs.logger("test").exception("it_failed")
    written = capsys.readouterr().err
    for word in ("ValueError", "RuntimeError", "in failing"):
        assert written.count(word) >= 2
    assert "Ana" not in written
    assert "555-0123" not in written


def test_a_line_that_a_library_repeats_is_written_once_a_minute_with_its_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info", form="json")
    library = logging.getLogger("library.client")
    now = 1_000.0
    for number in range(500):
        record = library.makeRecord(
            "library.client", logging.ERROR, "f.py", 1, "Unable to reach %s", (f"node {number}",), None
        )
        record.created = now
        logging.getLogger().handle(record)
        now += 0.01
    other = library.makeRecord("library.client", logging.ERROR, "f.py", 1, "Something else", (), None)
    logging.getLogger().handle(other)
    record.created = now + 60
    logging.getLogger().handle(record)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "node 0" in lines[0]
    assert "repeated" not in lines[0]
    assert '"repeated": 499' in lines[2]
    assert all('"event": "library_line"' in line and '"level": "error"' in line for line in lines)


def test_what_is_remembered_of_lines_is_bounded() -> None:
    repeats = RepeatFilter()
    for number in range(10 * MOST_LINES):
        repeats.filter(logging.makeLogRecord({"name": "library", "msg": f"line {number}"}))
    assert len(repeats._seen) <= MOST_LINES
