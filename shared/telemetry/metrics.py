"""The metric catalogue: every Prometheus metric is declared once, with help, unit and closed label sets.

Labels never hold an id, a number or a text. Grafana dashboards, alert rules and the reference page are generated
from `catalogue()`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
COUNT_BUCKETS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the catalogue."""

    name: str
    help: str
    labels: tuple[str, ...]
    kind: Literal["counter", "gauge", "histogram"]


_REGISTRY = CollectorRegistry()
ProcessCollector(registry=_REGISTRY)
_CATALOGUE: list[Metric] = [
    Metric("process_cpu_seconds_total", "Processor time of the process, user and system.", (), "counter"),
    Metric("process_resident_memory_bytes", "Resident memory of the process.", (), "gauge"),
    Metric("process_open_fds", "Open file descriptors of the process.", (), "gauge"),
]
"""Those of the process itself have the names that every Prometheus client gives them."""


def counter(name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
    """Declare a counter; its name ends in ``_total``."""
    if not name.startswith("followup_") or not name.endswith("_total"):
        raise RuntimeError(f"a counter is named followup_<noun>_total, not {name}")
    _CATALOGUE.append(Metric(name, help_text, tuple(labels), "counter"))
    return Counter(name, help_text, labels, registry=_REGISTRY)


def gauge(name: str, help_text: str, labels: Sequence[str] = ()) -> Gauge:
    """Declare a gauge."""
    _CATALOGUE.append(Metric(name, help_text, tuple(labels), "gauge"))
    return Gauge(name, help_text, labels, registry=_REGISTRY)


def histogram(
    name: str, help_text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS_BUCKETS
) -> Histogram:
    """Declare a histogram."""
    _CATALOGUE.append(Metric(name, help_text, tuple(labels), "histogram"))
    return Histogram(name, help_text, labels, registry=_REGISTRY, buckets=buckets)


def catalogue() -> tuple[Metric, ...]:
    """Return every metric declared by the modules imported so far."""
    return tuple(_CATALOGUE)


def exposition() -> bytes:
    """Return the scrape answer of this process."""
    return generate_latest(_REGISTRY)
