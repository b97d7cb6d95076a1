"""Panels, rows and boards, and the JSON that Grafana reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.telemetry.metrics import Metric
from tools.dashboards import promql

COLUMNS = 24
"""Width of a Grafana board."""
_HEIGHT = {"stat": 4, "timeseries": 8}
_SCHEMA_VERSION = 41
"""Of Grafana 12; later ones read it."""
_SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One line, or one family of lines, of a panel."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture; what it means is read from the catalogue unless `about` says more."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    """One of Grafana's units."""
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    about: str = ""
    bad_from: float | None = None
    """The value from which a single figure is red."""

    def description(self, known: Mapping[str, Metric]) -> str:
        """Return what the panel shows, in the words of the catalogue."""
        names = sorted(promql.named(query.expr for query in self.queries))
        return "\n\n".join([*([self.about] if self.about else []), *(known[n].help for n in names if n in known)])


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]

    @property
    def panels(self) -> Sequence[Panel]:
        """Every panel, from the top."""
        return [panel for row in self.rows for panel in row.panels]


def lines(metric: str, *, by: Sequence[str] = ()) -> Sequence[Query]:
    """Return the usual queries of a histogram: half are below, 95 and 99 of a hundred are below."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    return [Query(promql.quantile(q, metric, by=by), f"{legend} p{q * 100:g}".strip()) for q in (0.5, 0.95, 0.99)]


def usual(metric: Metric) -> Sequence[Query]:
    """Return what anybody would ask of a metric of its kind."""
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels)
    match metric.kind:
        case "counter":
            return one(promql.rate(metric.name, by=metric.labels), legend)
        case "gauge":
            return one(promql.total(metric.name, by=metric.labels), legend)
        case "histogram":
            return lines(metric.name, by=metric.labels)


def one(expr: str, legend: str = "") -> Sequence[Query]:
    """Return a single query."""
    return [Query(expr, legend)]


def document(board: Board, known: Mapping[str, Metric]) -> dict[str, Any]:
    """Return a board as Grafana keeps it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
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
        "panels": [{**panel, "id": number} for number, panel in enumerate(_placed(board, known), start=1)],
    }


def _placed(board: Board, known: Mapping[str, Metric]) -> Iterator[dict[str, Any]]:
    """Yield rows and panels, each with its place: left to right, then down."""
    top = 0
    for row in board.rows:
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
    """Return a panel without its place."""
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
