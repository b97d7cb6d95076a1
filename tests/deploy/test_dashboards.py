"""Dashboards and rules are up to date with the code, and query only declared metrics."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.deploy.documents import ROOT
from tools.dashboards.__main__ import dashboards
from tools.dashboards.alerts import ALERTS, Alert
from tools.dashboards.panels import document
from tools.dashboards.promql import metrics, metrics_in, problems

KNOWN = metrics()
BOARDS = dashboards(KNOWN)


def test_the_files_on_disk_are_current() -> None:
    # In a process of its own: other tests of this one declare metrics that the shipped command never loads.
    checked = subprocess.run(
        [sys.executable, "-m", "tools.dashboards", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sum (rate(followup_nothing_total[5m]))", "there is no metric followup_nothing_total"),
        ("sum by (decisions) (rate(followup_verdicts_total[5m]))", "no metric of this query has the label decisions"),
        ('followup_verdicts_total{provider="twilio"}', "followup_verdicts_total has no label provider"),
        ("rate(followup_timer_lag_seconds[5m])", "there is no metric followup_timer_lag_seconds"),
        ("followup_released_total_bucket", "there is no metric followup_released_total_bucket"),
    ],
)
def test_a_query_for_an_unknown_metric_is_found_out(query: str, problem: str) -> None:
    assert problems(query, KNOWN) == [problem]


def test_a_query_for_what_is_counted_is_fine() -> None:
    query = (
        "histogram_quantile(0.9, sum by (le, provider) (rate(followup_provider_call_seconds_bucket[$__rate_interval])))"
    )
    assert problems(query, KNOWN) == []


def test_every_metric_has_its_picture() -> None:
    shown = metrics_in(query.expr for board in BOARDS.values() for panel in board.panels for query in panel.queries)
    assert set(KNOWN) - shown == set()


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_panels_have_titles_of_their_own_and_do_not_overlap(name: str) -> None:
    assert [title for title, count in Counter(panel.title for panel in BOARDS[name].panels).items() if count > 1] == []
    taken: Counter[tuple[int, int]] = Counter()
    for panel in document(BOARDS[name], KNOWN)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )
    assert max(taken.values()) == 1


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_every_panel_says_what_it_shows(name: str) -> None:
    assert [panel.title for panel in BOARDS[name].panels if not panel.description(KNOWN)] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_names_a_runbook_that_names_it_too(alert: Alert) -> None:
    page = (ROOT / "docs" / "runbooks" / alert.runbook).read_text("utf-8")
    assert f"`{alert.name}`" in page, "who is woken by it looks for its name"
