"""Run a simulated provider by itself: `python -m services.simulator --help`."""

import argparse
import gc
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from services.simulator.app import Simulator, create_app
from services.simulator.config import SimulatorConfig
from services.simulator.faults import FaultPlan

_YOUNG_OBJECTS = 20_000
_EXAMPLES = """\
examples:
  A provider on port 8090 that posts replies to an application on port 8080:
    python -m services.simulator --port 8090 --data texts.sqlite \\
      --account-sid AC00000000000000000000000000000000 --auth-token secret \\
      --inbound-url http://127.0.0.1:8080/replies

  One text (then look at http://127.0.0.1:8090/simulator):
    curl -u AC00000000000000000000000000000000:secret \\
      http://127.0.0.1:8090/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json \\
      -d To=+12025550123 -d From=+12025550100 -d Body=Hello

  Every tenth text is accepted and its answer lost:
    curl -X PUT http://127.0.0.1:8090/simulator/faults \\
      -d '{"seed": 7, "rules": [{"kind": "accepted_then_reset", "probability": 0.1}]}'
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m services.simulator",
        description="A simulated SMS provider: Twilio's Messages API, virtual phones, seeded faults, a durable record.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s; there is no login)")
    add("--port", type=int, default=8090, help="port to listen on (default: %(default)s)")
    add("--data", type=Path, required=True, metavar="FILE", help="SQLite file of the texts, made when missing")
    add("--account-sid", action="append", required=True, metavar="AC...", help="account; may be repeated")
    add("--auth-token", action="append", required=True, metavar="TOKEN", help="token of the account named before it")
    add("--inbound-url", metavar="URL", help="where replies are posted")
    add("--number-inbound-url", action="append", default=[], metavar="NUMBER=URL", help="the same for one number")
    add(
        "--callback-prefix",
        action="append",
        metavar="URL/",
        help="the application's own callback addresses; no other URL is called (default: where replies are posted)",
    )
    add("--answers-keywords", action="store_true", help="answer STOP, START and HELP here, as Twilio does by default")
    add("--latency-ms", type=int, default=150, help="from accepted to delivered (default: %(default)s)")
    add("--clock-file", type=Path, metavar="FILE", help="file with an offset in seconds that moves its clock")
    add("--seed", type=int, default=0, help="where the chances of faults start (default: %(default)s)")
    add("--faults", type=Path, metavar="FILE", help="JSON file of faults to start with, as PUT /simulator/faults takes")
    return parser.parse_args(arguments)


def _origins(urls: Iterable[str | None]) -> list[str]:
    """Return scheme, host and port of each URL, ending in a slash."""
    split = [urlsplit(url) for url in urls if url]
    return sorted({f"{each.scheme}://{each.netloc}/" for each in split})


def main(arguments: list[str]) -> None:
    """Serve until interrupted."""
    given = parse(arguments)
    if len(given.account_sid) != len(given.auth_token):
        sys.exit("each --account-sid needs an --auth-token")
    try:
        inbound_urls = dict(pair.split("=", 1) for pair in given.number_inbound_url)
        config = SimulatorConfig(
            data_file=given.data,
            accounts=dict(zip(given.account_sid, given.auth_token, strict=True)),
            inbound_url=given.inbound_url,
            inbound_urls=inbound_urls,
            callback_prefixes=tuple(given.callback_prefix or _origins([given.inbound_url, *inbound_urls.values()])),
            answers_keywords=given.answers_keywords,
            latency_ms=given.latency_ms,
            clock_file=given.clock_file,
            seed=given.seed,
        )
    except ValueError as error:
        sys.exit(str(error))
    simulator = Simulator(config)
    if given.faults is not None:
        simulator.faults.replace(FaultPlan.model_validate_json(given.faults.read_bytes()))
    gc.collect()
    gc.freeze()  # startup objects stay; a text creates hundreds of objects, none of them in cycles
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    uvicorn.run(create_app(simulator), host=given.host, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
