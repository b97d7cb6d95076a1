"""What each flow and step did, from sums of facts."""

from typing import Any

from services.metrics.domain.flow_figures import flow_tallies
from services.metrics.domain.rollups import Measure


def row(measure: Measure, value: int, step: str = "one", detail: str = "", **more: str) -> dict[str, Any]:
    return {
        "flow": "f",
        "flow_version": "v1",
        "step": step,
        "measure": measure,
        "detail": detail,
        "value": value,
    } | more


def test_the_runs_that_began_are_the_plans_of_the_step_that_has_most_of_them_in_each_version() -> None:
    found = flow_tallies(
        [
            row(Measure.PLANNED, 3, "one"),
            row(Measure.PLANNED, 3, "two"),
            row(Measure.PLANNED, 4, "one", flow_version="v2"),
        ]
    )["f"]
    assert found.entered == 7
    assert found.counts[Measure.PLANNED] == 10
    assert {step: tally.counts[Measure.PLANNED] for step, tally in found.steps.items()} == {"one": 7, "two": 3}


def test_what_waits_now_and_who_is_on_the_way() -> None:
    found = flow_tallies(
        [
            row(Measure.IN_STATE, 2, "one", "dispatched"),
            row(Measure.IN_STATE, 5, "two", "pending"),
            row(Measure.IN_STATE, 1, "two", "released"),
            row(Measure.IN_STATE, 9, "two", "delivered"),
        ]
    )["f"]
    assert (found.waiting, found.active) == (6, 6)
    assert (found.steps["one"].waiting, found.steps["one"].running) == (0, 2)


def test_ends_keep_their_reason_and_money_its_currency() -> None:
    found = flow_tallies(
        [
            row(Measure.CANCELLED, 2, detail="refund"),
            row(Measure.CANCELLED, 1, "two", detail="refund"),
            row(Measure.REVENUE, 500, detail="USD"),
            row(Measure.REVENUE, 70, detail="EUR"),
        ]
    )["f"]
    assert found.ends == {(Measure.CANCELLED, "refund"): 3}
    assert found.money[Measure.REVENUE] == {"USD": 500, "EUR": 70}


def test_a_text_without_a_known_plan_is_in_no_flow() -> None:
    assert flow_tallies([row(Measure.DELIVERED, 1, flow="")]) == {}
