"""Structured logs: constant event names, ids in keywords, and nothing that looks like a phone number."""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Literal, cast

import structlog
from structlog.typing import FilteringBoundLogger

from shared.telemetry.repeat_filter import RepeatFilter

_PHONE = re.compile(r"\+\d{7,15}\b")
_MASK = "+•••"
_LIBRARIES_TOO_TALKATIVE = ("twilio", "aiokafka", "alembic", "asyncio", "uvicorn.access")


def configure(level: str = "info", *, form: Literal["json", "text", "auto"] = "json") -> None:
    """Send every log line, of this code and of libraries, to standard error.

    Args:
        level: the least that is written.
        form: json for machines, text for people; auto: text where standard error is a terminal.
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
