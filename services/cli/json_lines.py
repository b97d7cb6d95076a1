"""`followup gate` and `followup classify`: one JSON object per line in, one answer per line out."""

import codecs
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer

from services.compliance.gate.advice import advise
from shared.config.problem import did_you_mean
from shared.errors import ConfigurationFault
from shared.inbound.classifier import Context
from shared.inbound.classifier import classify as classify_reply

STANDARD_INPUT = Path("-")
_CASE_FIELDS = frozenset({"text", "context"})
FileArgument = Annotated[Path, typer.Argument(help="A file with one JSON object per line; - reads standard input.")]


def gate(file: FileArgument = STANDARD_INPUT) -> None:
    """Decide cases without sending anything: one JSON object per line in, one per line out, in order.

    Example: echo '{"to": "+12125550123", "class": "marketing", "now": "2026-12-01T12:59:00Z"}' | followup gate -
    """
    _answer_each_line(file, advise)


def classify(file: FileArgument = STANDARD_INPUT) -> None:
    """Classify inbound texts, one JSON object per line in, one out; contexts: subscribed, opted_out, pending, none.

    Example: echo '{"text": "pls stop", "context": "subscribed"}' | followup classify -
    """
    _answer_each_line(file, _classified)


def _classified(case: dict[str, Any]) -> dict[str, Any]:
    """Return the class of one inbound text, or an error."""
    if not isinstance(case.get("text"), str):
        return {"error": "text: a string is needed"}
    try:
        context = Context(case.get("context", "none"))
    except ValueError:
        return {"error": f"context: one of {', '.join(Context)}"}
    for name in case.keys() - _CASE_FIELDS:
        return {"error": f"{name}: unknown field; {did_you_mean(name, _CASE_FIELDS)}"}
    found = classify_reply(case["text"], context)
    return {"class": found.reply_class, "needs_review": found.needs_review, "why": found.why}


def _answer_each_line(file: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Print one answer per line; for a line that is not a JSON object it is `{"error": ...}`."""
    for line in _lines(file):
        try:
            case = orjson.loads(line)
        except orjson.JSONDecodeError as problem:
            result: dict[str, Any] = {"error": f"not JSON: {problem}"}
        else:
            result = answer(case) if isinstance(case, dict) else {"error": "a JSON object is needed"}
        sys.stdout.write(orjson.dumps(result).decode() + "\n")
    sys.stdout.flush()


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the non-blank lines of a file or of standard input, as bytes: a line that is not UTF-8 fails alone."""
    if file == STANDARD_INPUT:
        yield from filter(bytes.strip, _decoded(sys.stdin.buffer))
        return
    try:
        with file.open("rb") as stream:
            yield from filter(bytes.strip, _decoded(stream))
    except OSError as problem:
        raise ConfigurationFault(f"{file}: cannot be read ({problem.strerror})") from None


def _decoded(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines in UTF-8 without a byte order mark; UTF-16, which PowerShell writes, is converted."""
    first = stream.readline()
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from (first + stream.read()).decode("utf-16", "replace").encode().splitlines()
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from stream
