"""Panels, rows and dashboards, and their JSON for Grafana."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.telemetry.metrics import Metric
from tools.dashboards import promql

COLUMNS = 24
"""Width of a Grafana dashboard."""
_HEIGHT = {"stat": 4, "timeseries": 8}
_SCHEMA_VERSION = 41
"""Of Grafana 12; later versions accept it."""
_SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: a line, or a line for each label value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart or figure; its description is that of its metrics, preceded by `about`."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    """A Grafana unit."""
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    about: str = ""
    bad_from: float | None = None
    """The value from which a figure is red."""

    def description(self, known: Mapping[str, Metric]) -> str:
        """Return what the panel shows, from the descriptions of its metrics."""
        names = sorted(promql.metrics_in(query.expr for query in self.queries))
        return "\n\n".join([*([self.about] if self.about else []), *(known[n].help for n in names if n in known)])


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]

    @property
    def panels(self) -> Sequence[Panel]:
        """Every panel, from the top."""
        return [panel for row in self.rows for panel in row.panels]


def quantiles(metric: str, *, by: Sequence[str] = ()) -> Sequence[Query]:
    """Return the queries of a histogram's median, 95th and 99th percentile."""
    return [Query(promql.quantile(q, metric, by=by), f"{_legend(by)} p{q * 100:g}".strip()) for q in (0.5, 0.95, 0.99)]


def rates(title: str, metric: str, *, by: Sequence[str] = (), unit: str = "ops", **where: str) -> Panel:
    """Return the panel of a counter's rate: a line for each value of the labels `by`."""
    return Panel(title, single(promql.rate(metric, by=by, **where), _legend(by)), unit)


def default_queries(metric: Metric) -> Sequence[Query]:
    """Return the usual queries for a metric of its kind."""
    legend = _legend(metric.labels)
    match metric.kind:
        case "counter":
            return single(promql.rate(metric.name, by=metric.labels), legend)
        case "gauge":
            return single(promql.total(metric.name, by=metric.labels), legend)
        case "histogram":
            return quantiles(metric.name, by=metric.labels)


def _legend(labels: Sequence[str]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def single(expr: str, legend: str = "") -> Sequence[Query]:
    """Return a single query."""
    return [Query(expr, legend)]


def document(dashboard: Dashboard, known: Mapping[str, Metric]) -> dict[str, Any]:
    """Return a dashboard as Grafana stores it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["followup"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "schemaVersion": _SCHEMA_VERSION,
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "templating": {
            "list": [{"name": "source", "label": "Source", "type": "datasource", "query": "prometheus", "current": {}}]
        },
        "panels": [{**panel, "id": number} for number, panel in enumerate(_placed(dashboard, known), start=1)],
    }


def _placed(dashboard: Dashboard, known: Mapping[str, Metric]) -> Iterator[dict[str, Any]]:
    """Yield rows and panels with their positions: left to right, then down."""
    top = 0
    for row in dashboard.rows:
        yield {"type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": _place(0, top, 24, 1)}
        top += 1
        left, lowest = 0, top
        for panel in row.panels:
            height = _HEIGHT[panel.kind]
            if left + panel.width > COLUMNS:
                left, top = 0, lowest
            yield {**_panel(panel, known), "gridPos": _place(left, top, panel.width, height)}
            left, lowest = left + panel.width, max(lowest, top + height)
        top = lowest


def _panel(panel: Panel, known: Mapping[str, Metric]) -> dict[str, Any]:
    """Return a panel without its position."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    options: dict[str, Any]
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
    else:
        defaults["custom"] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description(known),
        "datasource": _SOURCE,
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query.expr, "legendFormat": query.legend, "datasource": _SOURCE}
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}
