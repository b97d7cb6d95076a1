"""Queries and rules checked with promtool, on invented series."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from shared.telemetry.metrics import Metric
from tests.deploy.documents import DEPLOY
from tests.deploy.programs import program, run
from tools.dashboards.promql import fill_in, parse

ALERTS_FILE = DEPLOY / "prometheus" / "alerts.yml"
_MINUTES = 40
_BUCKETS = ("0.5", "1", "+Inf")
_RISING = f"0+60x{_MINUTES}"


def promtool() -> str:
    """Return where the tool is."""
    return program("promtool", package="prometheus")


def prove(folder: Path, cases: Sequence[tuple[Mapping[str, str], Mapping[str, float | None]]]) -> None:
    """Check queries on series, after forty minutes of one sample a minute.

    Args:
        folder: where the tool's file may stand.
        cases: series with their values as promtool writes them; and queries with the one value that they must have,
            or None where they must have none.
    """
    document = {
        "rule_files": [str(ALERTS_FILE)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [_expected(query, value) for query, value in queries.items()],
            }
            for series, queries in cases
        ],
    }
    file = folder / "tests.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    run(promtool(), "test", "rules", str(file))


def made_up(query: str, known: Mapping[str, Metric]) -> dict[str, str]:
    """Return rising series for everything that a query selects."""
    series: dict[str, str] = {}

    def look(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            asked = {each.name: each.value for each in node.matchers.matchers if each.op == promql_parser.MatchOp.Equal}
            series.update(dict.fromkeys(_names(node.name, asked, known), _RISING))

    promql_parser.walk(parse(query), look)
    return series


def has_data(query: str) -> str:
    """Return a query that is 1 where the given one has any data."""
    return f"count(({fill_in(query, over='5m')})) > bool 0"


def _names(name: str, asked: Mapping[str, str], known: Mapping[str, Metric]) -> Iterable[str]:
    """Yield a series with every label the metric declares; several for a histogram's buckets."""
    metric = known.get(name) or known.get(name.rsplit("_", 1)[0])
    labels = {label: asked.get(label, "x") for label in (metric.labels if metric else asked)}
    for le in _BUCKETS if name.endswith("_bucket") else [None]:
        inner = ", ".join(f'{key}="{value}"' for key, value in {**labels, **({"le": le} if le else {})}.items())
        yield f"{name}{{{inner}}}"


def _expected(query: str, value: float | None) -> dict[str, Any]:
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": query, "eval_time": f"{_MINUTES}m", "exp_samples": samples}
