"""Writes the dashboards and alert rules, or reports which files differ from what the code would write."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from shared.telemetry.metrics import Metric
from tools.dashboards import alerts, promql
from tools.dashboards.follow_ups import FOLLOW_UPS
from tools.dashboards.operations import OPERATIONS
from tools.dashboards.panels import Dashboard, Panel, Row, default_queries, document

ROOT = Path(__file__).parents[2]
_NOTE = "# Written by `python -m tools.dashboards` from tools/dashboards/alerts.py; edit that instead.\n"


def dashboards(known: Mapping[str, Metric]) -> Mapping[str, Dashboard]:
    """Return the dashboards by file name; metrics without a panel are added to the end of the operations dashboard."""
    placed = promql.metrics_in(expr for board in (OPERATIONS, FOLLOW_UPS) for _, expr in queries_of(board))
    rest = [
        Panel(metric.name, default_queries(metric), width=6) for name, metric in known.items() if name not in placed
    ]
    rows = [*OPERATIONS.rows, Row("Everything else", rest)] if rest else OPERATIONS.rows
    return {"operations": replace(OPERATIONS, rows=rows), "follow-ups": FOLLOW_UPS}


def queries_of(dashboard: Dashboard) -> Sequence[tuple[str, str]]:
    """Return every query of a dashboard, with the title of its panel."""
    return [(panel.title, query.expr) for panel in dashboard.panels for query in panel.queries]


def files(known: Mapping[str, Metric]) -> dict[str, str]:
    """Return every file by its path under the repository's root."""
    documents = {
        f"deploy/grafana/{name}.json": json.dumps(document(board, known), indent=1, ensure_ascii=False) + "\n"
        for name, board in dashboards(known).items()
    }
    rules = _NOTE + yaml.safe_dump(alerts.document(), sort_keys=False, width=1000, allow_unicode=True)
    return {**documents, "deploy/prometheus/alerts.yml": rules}


def mistakes(known: Mapping[str, Metric]) -> list[str]:
    """Return every query that uses a metric or label that does not exist."""
    queries = [query for dashboard in dashboards(known).values() for query in queries_of(dashboard)]
    queries += [(alert.name, alert.expr) for alert in alerts.ALERTS]
    return [f"{where}: {problem}" for where, query in queries for problem in promql.problems(query, known)]


def main(*, check: bool) -> int:
    """Write the files, or compare them; return the exit code."""
    known = promql.metrics()
    wrong = mistakes(known)
    for name, text in files(known).items():
        path = ROOT / name
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            wrong.append(f"{name} differs from what the code writes (run `make docs`)")
    sys.stderr.writelines(f"{each}\n" for each in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(check="--check" in sys.argv[1:]))
