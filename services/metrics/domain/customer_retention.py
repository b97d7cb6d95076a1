"""Customer retention: figures over purchases, for a window and the equally long period before it.

A customer of a period is a person with a purchase in it. With S customers in the period before, E in the window, and N
of those E who were not customers before (new or regained), (E−N)/S is the retained share of S: from 0 to 100 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.metrics.domain.kpis import Breakdown, Figure, Unit, ratio
from services.metrics.domain.rollups import Measure

_NO_CAC = "Needs the cost of acquiring a customer: add cac_minor=… in the same currency."
_NO_NPS = "Not reported: survey answers are encrypted, and metrics decrypts nothing."


@dataclass(frozen=True, slots=True)
class PurchaseTotals:
    """Counts of people, and minor units by currency, from which the figures are computed."""

    customers: int = 0
    """With a purchase in the window (E)."""
    customers_before: int = 0
    """With a purchase in the period before (S)."""
    customers_retained: int = 0
    """In both (E−N)."""
    customers_repeating: int = 0
    """Of the window's customers, those with two purchases or more until its end."""
    customers_ever: Mapping[str, int] = field(default_factory=dict)
    """By currency: a customer who paid in two counts in both."""
    orders: Mapping[str, int] = field(default_factory=dict)
    value: Mapping[str, int] = field(default_factory=dict)
    value_before: Mapping[str, int] = field(default_factory=dict)
    value_lost: Mapping[str, int] = field(default_factory=dict)
    """The part of `value_before` from people without a purchase in the window."""
    value_ever: Mapping[str, int] = field(default_factory=dict)


def retention_figures(purchases: PurchaseTotals, cac_minor: int | None = None) -> list[Figure]:
    """Return the retention figures; amounts of money once for each currency.

    Args:
        purchases: of one merchant.
        cac_minor: the cost of acquiring a customer, in minor units; None: not given.
    """
    retained = ratio(purchases.customers_retained, purchases.customers_before)
    found = [
        _figure(
            "repeat_purchase_rate",
            "Repeat customers",
            "customers with two purchases or more / customers in the window",
            Unit.RATIO,
            ratio(purchases.customers_repeating, purchases.customers),
            purchases.customers_repeating,
            purchases.customers,
        ),
        _figure(
            "customer_retention_rate",
            "Customers retained",
            "(E − N) / S × 100",
            Unit.PERCENT,
            None if retained is None else retained * 100,
            purchases.customers_retained,
            purchases.customers_before,
            note=f"E {purchases.customers}, N {purchases.customers - purchases.customers_retained}, "
            f"S {purchases.customers_before}; a customer of a period has a purchase in it.",
        ),
    ]
    for currency in _currencies(purchases.value, purchases.value_ever, purchases.value_before):
        found += _money(purchases, currency, cac_minor)
    nps = _figure(
        "net_promoter_score", "Would recommend", "promoters % − detractors %", Unit.PERCENT, None, 0, 0, note=_NO_NPS
    )
    return [*found, nps]


def _money(purchases: PurchaseTotals, currency: str | None, cac_minor: int | None) -> list[Figure]:
    """Return the figures in one currency."""
    key = currency or ""
    value, orders = purchases.value.get(key, 0), purchases.orders.get(key, 0)
    before, lost = purchases.value_before.get(key, 0), purchases.value_lost.get(key, 0)
    ever = purchases.value_ever.get(key, 0)
    churned = ratio(lost, before)
    customers = purchases.customers_ever.get(key, 0)
    lifetime = ratio(ever, customers)
    return [
        _figure(
            "average_order_value",
            "Average order",
            "order value / orders",
            Unit.MINOR,
            ratio(value, orders),
            value,
            orders,
            currency,
            measures=(Measure.ORDER_VALUE, Measure.ORDERS),
        ),
        _figure(
            "revenue_churn",
            "Revenue lost",
            "revenue before of customers who did not buy in the window / revenue before × 100",
            Unit.PERCENT,
            None if churned is None else churned * 100,
            lost,
            before,
            currency,
        ),
        _figure(
            "lifetime_value",
            "Customer lifetime value",
            "order value until the end of the window / customers who paid in this currency until then",
            Unit.MINOR,
            lifetime,
            ever,
            customers,
            currency,
        ),
        _figure(
            "ltv_to_cac",
            "Customer value to acquisition cost",
            "lifetime value / cost of acquiring a customer",
            Unit.RATIO,
            None if lifetime is None or cac_minor is None else ratio(lifetime, cac_minor),
            lifetime or 0,
            cac_minor,
            currency,
            note=None if cac_minor is not None else _NO_CAC,
        ),
    ]


def _currencies(*by_currency: Mapping[str, int]) -> list[str | None]:
    """Return every currency; a single None if there is none."""
    found = {currency for values in by_currency for currency in values}
    return [*sorted(found)] or [None]


def _figure(
    name: str,
    title: str,
    formula: str,
    unit: Unit,
    value: float | None,
    numerator: float,
    denominator: float | None,
    currency: str | None = None,
    note: str | None = None,
    measures: tuple[Measure, Measure | None] = (Measure.ORDERS, None),
) -> Figure:
    return Figure(
        name=name,
        title=title,
        formula=formula,
        unit=unit,
        value=value,
        numerator=numerator,
        denominator=denominator,
        numerator_measure=measures[0],
        denominator_measure=measures[1],
        detail=currency or None,
        per=Breakdown.CURRENCY if currency else None,
        note=note,
    )
