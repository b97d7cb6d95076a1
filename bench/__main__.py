"""`python -m bench [NAME...] [--rounds N]`: run benchmarks, print them, and keep the raw numbers."""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench import (
    claim,
    controls,
    distributed,
    gate,
    hop,
    idle,
    lateness,
    neighbours,
    one_instant,
    pages,
    webhooks,
    whole_path,
)
from bench.measurement import Result, machine
from shared import process

BENCHMARKS: dict[str, Callable[[int], Awaitable[Result]]] = {
    "gate": gate.run,
    "idle": idle.run,
    "webhooks": webhooks.run,
    "whole-path": whole_path.run,
    "distributed": distributed.run,
    "one-instant": one_instant.run,
    "claim": claim.run,
    "lateness": lateness.run,
    "one-instant-distributed": one_instant.run_distributed,
    "lateness-distributed": lateness.run_distributed,
    "hop": hop.run,
    "neighbours": neighbours.run,
    "controls": controls.run,
    "pages": pages.run,
}
RESULTS = Path(__file__).parent / "results"
ROUNDS = 5


async def main(names: list[str], rounds: int, results: Path | None) -> None:
    """Run the named benchmarks one after the other."""
    before, found = machine(), []
    print("machine:", ", ".join(f"{name} {value:,.2f}" for name, value in before.items()))
    for name in names:
        began = time.monotonic()
        result = await BENCHMARKS[name](rounds)
        found.append(result)
        print(f"\n{result.name} ({time.monotonic() - began:.0f} s; {_described(result.settings)})")
        for figure in result.figures:
            print(figure.line())
    if results is not None:
        at = datetime.now(UTC)
        document = {
            "at": at,
            "python": sys.version,
            "rounds": rounds,
            "machine_before": before,
            "machine_after": machine(),
            "results": [result.document() for result in found],
        }
        results.mkdir(exist_ok=True)  # noqa: ASYNC240 - nothing else runs any more
        file = results / f"{at:%Y-%m-%dT%H%M%S}.json"
        file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        print(f"\nraw numbers: {file}")


def _described(settings: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, beside a baseline of the same run.")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which; all when none is named")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="the median of so many counts (default: %(default)s)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the raw numbers")
    parser.add_argument("--no-results", action="store_true", help="keep nothing")
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    process.run(main(given.names or list(BENCHMARKS), given.rounds, None if given.no_results else given.results))
