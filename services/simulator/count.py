"""Count what a simulated provider accepted, and what it accepted twice.

Run `python -m services.simulator.count FILE`. Independent evidence: it reads the record's table with
the standard library alone.
"""

import argparse
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ATTEMPT_PARAMETERS = ("attempt", "attempt_id", "mid")


def count(file: Path, attempt_parameters: Iterable[str] = ATTEMPT_PARAMETERS) -> dict[str, Any]:
    """Return how many texts were accepted over the API and which of them are the same text again.

    Two texts are the same when their status callbacks carry the same attempt id, or when number and body are equal.

    Args:
        file: the simulator's SQLite file; it may be in use.
        attempt_parameters: names under which a callback URL may carry the attempt's id in its query; a URL that has
            none of them is its own id.
    """
    by_callback: dict[str, list[str]] = defaultdict(list)
    by_content: dict[tuple[str, str], list[str]] = defaultdict(list)
    accepted = without_callback = 0
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    try:
        query = "SELECT sid, to_number, body, status_callback FROM texts WHERE direction = 'outbound-api' ORDER BY seq"
        for sid, to, body, status_callback in connection.execute(query):
            accepted += 1
            by_content[to, body].append(sid)
            if status_callback is None:
                without_callback += 1
            else:
                by_callback[callback_id(status_callback, attempt_parameters)].append(sid)
    finally:
        connection.close()
    same_callback = [
        {"because": "callback_id", "callback_id": key, "sids": sids}
        for key, sids in by_callback.items()
        if len(sids) > 1
    ]
    same_content = [
        {"because": "to_and_body", "to": to, "body": body, "sids": sids}
        for (to, body), sids in by_content.items()
        if len(sids) > 1
    ]
    return {
        "accepted": accepted,
        "distinct_callback_ids": len(by_callback),
        "distinct_to_and_body": len(by_content),
        "without_callback": without_callback,
        "duplicates": same_callback + same_content,
    }


def callback_id(url: str, attempt_parameters: Iterable[str] = ATTEMPT_PARAMETERS) -> str:
    """Return the attempt id in a callback URL, or the URL without its fragment when it names none."""
    parameters = parse_qs(urlsplit(url).query)
    for name in attempt_parameters:
        if name in parameters:
            return parameters[name][0]
    return url.partition("#")[0]


def main(arguments: list[str]) -> int:
    """Print the count as JSON; with --strict, return 1 when a text was accepted twice."""
    parser = argparse.ArgumentParser(
        prog="python -m services.simulator.count",
        description="Count the texts a simulated provider accepted, and those it accepted twice.",
        epilog="example: python -m services.simulator.count texts.sqlite --strict",
    )
    parser.add_argument("file", type=Path, help="the simulator's SQLite file; it may be in use")
    parser.add_argument(
        "--parameter", action="append", help="query parameter of the callback URL with the attempt's id"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 when there are duplicates")
    given = parser.parse_args(arguments)
    if not given.file.is_file():
        parser.error("there is no such file")
    counted = count(given.file, given.parameter or ATTEMPT_PARAMETERS)
    json.dump(counted, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 1 if given.strict and counted["duplicates"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
