"""Each figure is its numerator over its denominator; over zero it has no value."""

import pytest

from services.metrics.domain.customer_retention import PurchaseTotals, retention_figures
from services.metrics.domain.kpis import DEFINITIONS, Figure, MeasureTotals, Unit, figures


def named(sums: MeasureTotals) -> dict[tuple[str, str | None], Figure]:
    return {(figure.definition.name, figure.detail): figure for figure in figures(sums)}


@pytest.mark.parametrize(
    ("name", "numerator", "denominator"),
    [
        ("delivery_rate", "delivered", "accepted"),
        ("click_through_rate", "clicked", "reached"),
        ("reply_rate", "replied", "reached"),
        ("conversion_rate", "converted", "reached"),
        ("opt_out_rate", "opted_out", "reached"),
    ],
)
def test_a_rate_is_its_numerator_over_its_denominator(name: str, numerator: str, denominator: str) -> None:
    figure = named({(numerator, ""): 98, (denominator, ""): 100})[name, None]
    assert (figure.value, figure.numerator, figure.denominator) == (0.98, 98, 100)


def test_nothing_over_nothing_is_no_figure_and_never_zero_percent() -> None:
    rates = [figure for figure in figures({}) if figure.denominator is not None]
    assert rates
    assert all(figure.value is None for figure in rates)


def test_nothing_of_something_is_zero() -> None:
    assert named({("reached", ""): 40})["click_through_rate", None].value == 0


def test_revenue_is_separated_by_currency() -> None:
    found = named(
        {
            ("revenue", "USD"): 9000,
            ("text_revenue", "USD"): 9000,
            ("text_revenue", "EUR"): 500,
            ("reached", ""): 100,
        }
    )
    assert found["revenue", "USD"].value == 9000
    assert found["revenue_per_text", "USD"].value == 90
    assert found["revenue_per_text", "EUR"].value == 5


def test_blocks_and_deferrals_are_counted_by_reason() -> None:
    found = named({("blocked", "no_consent"): 3, ("blocked", "opted_out"): 2, ("deferred", "quiet_hours"): 7})
    assert found["blocked", "no_consent"].value == 3
    assert found["blocked", "opted_out"].value == 2
    assert found["deferred", "quiet_hours"].value == 7


def test_unsubscribe_latency_is_in_seconds() -> None:
    figure = named({("opt_out_milliseconds", ""): 900, ("timed_opt_outs", ""): 3})["unsubscribe_latency", None]
    assert figure.definition.unit is Unit.SECONDS
    assert figure.value == pytest.approx(0.3)


def test_a_price_below_a_cent_is_added_up_exactly_and_a_yen_is_no_hundred_of_them() -> None:
    found = named({("cost_micros", "USD"): 7_900 * 1_000, ("cost_micros", "JPY"): 12_000_000})
    assert found["cost", "USD"].value == 790
    assert found["cost", "JPY"].value == 12


def test_the_value_of_a_customer_divides_by_those_who_paid_in_the_currency() -> None:
    purchases = PurchaseTotals(value_ever={"USD": 10_000, "EUR": 900}, customers_ever={"USD": 100, "EUR": 3})
    values = {f.detail: f.value for f in retention_figures(purchases) if f.definition.name == "lifetime_value"}
    assert values == {"USD": 100, "EUR": 300}


def test_no_two_figures_share_a_name_and_each_says_its_formula() -> None:
    assert len({definition.name for definition in DEFINITIONS}) == len(DEFINITIONS)
    assert all(definition.formula for definition in DEFINITIONS)


BOUGHT = PurchaseTotals(
    customers=50,
    customers_before=40,
    customers_retained=30,
    customers_repeating=35,
    customers_ever={"USD": 100},
    orders={"USD": 60},
    value={"USD": 300_000},
    value_before={"USD": 200_000},
    value_lost={"USD": 20_000},
    value_ever={"USD": 1_000_000},
)


def retained(purchases: PurchaseTotals, cac_minor: int | None = None) -> dict[str, Figure]:
    return {figure.definition.name: figure for figure in retention_figures(purchases, cac_minor)}


def test_customer_retention_is_e_less_n_over_s_in_percent() -> None:
    figure = retained(BOUGHT)["customer_retention_rate"]
    e, n, s = 50, 20, 40
    assert figure.value == (e - n) / s * 100 == 75
    assert figure.note is not None
    assert "E 50, N 20, S 40" in figure.note


def test_retention_figures_follow_their_formulas() -> None:
    found = retained(BOUGHT)
    assert found["repeat_purchase_rate"].value == 0.7
    assert found["average_order_value"].value == 5000
    assert found["revenue_churn"].value == 10
    assert found["lifetime_value"].value == 10_000


def test_value_to_cost_needs_the_cost_and_says_so() -> None:
    without = retained(BOUGHT)["ltv_to_cac"]
    assert without.value is None
    assert without.note is not None
    assert "cac_minor" in without.note
    assert retained(BOUGHT, 2500)["ltv_to_cac"].value == 4


def test_the_promoter_score_is_not_reported_rather_than_made_up() -> None:
    figure = retained(BOUGHT)["net_promoter_score"]
    assert figure.value is None
    assert figure.note is not None
    assert "Not reported" in figure.note


def test_a_shop_without_orders_has_no_retention_figures_and_no_error() -> None:
    assert all(figure.value is None for figure in retention_figures(PurchaseTotals()))
