"""PromQL queries: how they are built, and whether the metrics and labels they use exist."""

from collections.abc import Iterable, Mapping, Sequence

import promql_parser

from services import embedded
from shared.bus import kafka_instruments
from shared.telemetry.metrics import Metric, catalogue

DECLARING = (embedded, kafka_instruments)
"""Importing these declares the metrics of every service, with SQLite and with Kafka."""
INTERVAL = "$__rate_interval"
"""Grafana's variable: at least four scrape intervals."""
RANGE = "$__range"
"""Grafana's variable: the time range that a dashboard shows."""
_OF_A_SCRAPE = {"up": frozenset({"job", "instance"})}
"""Series that Prometheus itself adds for a target."""
_OF_EVERY_SERIES = frozenset({"job", "instance", "le", "__name__"})
_PARTS_OF_A_HISTOGRAM = ("_bucket", "_count", "_sum")


def metrics() -> Mapping[str, Metric]:
    """Return every metric of every service, by name."""
    return {metric.name: metric for metric in catalogue()}


def total(metric: str, *, by: Sequence[str] = (), **where: str) -> str:
    """Return the sum of a gauge or counter over all processes."""
    return f"sum{_by(by)} ({metric}{_where(where)})"


def highest(metric: str, *, by: Sequence[str] = (), **where: str) -> str:
    """Return the highest value of a gauge over all processes."""
    return f"max{_by(by)} ({metric}{_where(where)})"


def rate(metric: str, *, by: Sequence[str] = (), over: str = INTERVAL, **where: str) -> str:
    """Return the rate of a counter, per second."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[{over}]))"


def increase(metric: str, *, by: Sequence[str] = (), over: str = INTERVAL, **where: str) -> str:
    """Return the increase of a counter."""
    return f"sum{_by(by)} (increase({metric}{_where(where)}[{over}]))"


def quantile(share: float, metric: str, *, by: Sequence[str] = (), over: str = INTERVAL) -> str:
    """Return a quantile of a histogram."""
    return f"histogram_quantile({share:g}, sum{_by(('le', *by))} (rate({metric}_bucket[{over}])))"


def mean(metric: str, *, by: Sequence[str] = (), over: str = INTERVAL) -> str:
    """Return the mean of a histogram's observations."""
    return f"{rate(f'{metric}_sum', by=by, over=over)} / {rate(f'{metric}_count', by=by, over=over)}"


def occurred(metric: str, *, by: Sequence[str], over: str, but: str = "") -> str:
    """Return what a labelled counter counted within a time, its first event included.

    A series with labels starts with its first event, at 1, which `increase` does not see. So a series that did not
    exist before counts as well.
    """
    grown = f"sum{_by(by)} (increase({metric}{but}[{over}])) > 0"
    born = f"(sum{_by(by)} ({metric}{but}) > 0 unless sum{_by(by)} ({metric}{but} offset {over}))"
    return f"{grown} or {born}"


def problems(query: str, known: Mapping[str, Metric]) -> list[str]:
    """Return the metrics and labels of a query that no process has; empty if all exist."""
    found: list[str] = []
    labels: set[str] = set()
    grouped: set[str] = set()

    def look(node: promql_parser.Expr) -> None:
        match node:
            case promql_parser.VectorSelector():
                declared = _labels_of(node.name or "", known)
                if declared is None:
                    found.append(f"there is no metric {node.name}")
                else:
                    labels.update(declared)
                    found.extend(
                        f"{node.name} has no label {each.name}"
                        for each in node.matchers.matchers
                        if each.name not in declared | _OF_EVERY_SERIES
                    )
            case promql_parser.AggregateExpr(modifier=modifier) if modifier is not None:
                grouped.update(modifier.labels)
            case _:
                pass

    promql_parser.walk(parse(query), look)
    found.extend(
        f"no metric of this query has the label {each}" for each in sorted(grouped - labels - _OF_EVERY_SERIES)
    )
    return found


def metrics_in(queries: Iterable[str]) -> set[str]:
    """Return the names of the metrics in queries."""
    names: set[str] = set()

    def look(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            names.add(_family(node.name))

    for query in queries:
        promql_parser.walk(parse(query), look)
    return names


def parse(query: str) -> promql_parser.Expr:
    """Return a query's syntax tree, with Grafana's variables filled in.

    Raises:
        ValueError: it is not PromQL.
    """
    tree: promql_parser.Expr = promql_parser.parse(fill_in(query))
    return tree


def fill_in(query: str, *, over: str = "1m") -> str:
    """Return a query with Grafana's variables filled in, as Prometheus needs it."""
    return query.replace(INTERVAL, over).replace(RANGE, over)


def _labels_of(name: str, known: Mapping[str, Metric]) -> frozenset[str] | None:
    """Return the labels of a series, or None if there is no such series."""
    if name in _OF_A_SCRAPE:
        return _OF_A_SCRAPE[name]
    metric = known.get(_family(name))
    if metric is None or (metric.kind == "histogram") != (name != metric.name):
        return None
    return frozenset(metric.labels)


def _family(series: str) -> str:
    """Return the metric a series belongs to."""
    for part in _PARTS_OF_A_HISTOGRAM:
        if series.endswith(part):
            return series.removesuffix(part)
    return series


def _by(labels: Sequence[str]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""
