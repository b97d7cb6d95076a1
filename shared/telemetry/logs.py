"""Structured logs: constant event names, ids in keywords, and nothing that looks like a phone number."""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import structlog
from structlog.typing import FilteringBoundLogger

_PHONE = re.compile(r"\+\d{7,15}\b")
_MASK = "+•••"
WINDOW_SECONDS: Final = 60.0
MOST_LINES: Final = 256
"""Different lines remembered at once; beyond that the oldest is forgotten."""
_LIBRARIES_TOO_TALKATIVE = ("twilio", "aiokafka", "alembic", "asyncio", "uvicorn.access", "uvicorn.error")


def configure(level: str = "info", *, form: Literal["json", "text", "auto"] = "json") -> None:
    """Send every log line from `level` up, of this code and of libraries, to standard error.

    The form is json for machines, text for people; auto: text where standard error is a terminal.
    """
    for_people = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if for_people else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(lambda exc_info: traceback_of(exc_info[1])),
            mask_phones,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=level.upper(), handlers=[_LibraryLines()], force=True)
    for name in _LIBRARIES_TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def logger(name: str) -> FilteringBoundLogger:
    """Return the logger of a module."""
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


def mask_phones(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask anything that looks like an E.164 number (the last line of defence)."""
    for key, value in line.items():
        if isinstance(value, str) and "+" in value:
            line[key] = _PHONE.sub(_MASK, value)
    return line


def traceback_of(problem: BaseException | None) -> str:
    """Return where an exception came from and its type; its message may quote a request, so it is left out."""
    lines: list[str] = []
    while problem is not None:
        lines[:0] = [*traceback.format_tb(problem.__traceback__), type(problem).__name__ + "\n"]
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    return "".join(lines).rstrip()


@dataclass(slots=True)
class _Seen:
    """One line, and how often it came since it was last passed on."""

    passed_at: float
    repeated: int = 0


class RepeatFilter(logging.Filter):
    """Passes a line on once a minute, with how often it occurred meanwhile.

    Lines are the same where logger, level and the text before its values are: a broker that is away fills the values
    with ports and times.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is passed on; its `repeated` counts the lines like it that were not."""
        key = (record.name, record.levelno, str(record.msg))
        seen = self._seen.get(key)
        if seen is not None and record.created - seen.passed_at < WINDOW_SECONDS:
            seen.repeated += 1
            return False
        record.repeated = 0 if seen is None else seen.repeated
        self._seen.pop(key, None)  # to the end: the oldest is first
        self._seen[key] = _Seen(record.created)
        if len(self._seen) > MOST_LINES:
            del self._seen[next(iter(self._seen))]
        return True


class _LibraryLines(logging.Handler):
    """Writes the log lines of libraries in the same form, masked, with repeats counted."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(RepeatFilter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a failure to do so does not stop the library."""
        try:
            self._write(record)
        except Exception:  # noqa: BLE001 - as every handler does: a failing log stops no work
            self.handleError(record)

    @staticmethod
    def _write(record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"library": record.name, "said": record.getMessage()}
        if record.exc_info:
            fields["exception"] = traceback_of(record.exc_info[1])
        if repeated := getattr(record, "repeated", 0):
            fields["repeated"] = repeated
        structlog.get_logger(module=__name__).log(record.levelno, "library_line", **fields)
