"""Customer retention: figures over purchases, for a window and the equally long period before it.

A customer of a period is a person with a purchase in it. With S customers in the period before, E in the window, and N
of those E who were not customers before (new or regained), (E−N)/S is the retained share of S: from 0 to 100 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.metrics.domain.kpis import Breakdown, Figure, FigureDefinition, Unit, figure_of, ratio
from services.metrics.domain.rollups import Measure


def _definition(name: str, title: str, formula: str, unit: Unit, per: Breakdown | None = None) -> FigureDefinition:
    return FigureDefinition(name, title, formula, unit, Measure.ORDERS, per=per)


_REPEAT: Final = _definition(
    "repeat_purchase_rate",
    "Repeat customers",
    "customers with two purchases or more / customers in the window",
    Unit.RATIO,
)
_RETAINED: Final = _definition("customer_retention_rate", "Customers retained", "(E − N) / S × 100", Unit.PERCENT)
_AVERAGE_ORDER: Final = FigureDefinition(
    "average_order_value",
    "Average order",
    "order value / orders",
    Unit.MINOR,
    Measure.ORDER_VALUE,
    Measure.ORDERS,
    Breakdown.CURRENCY,
)
_CHURN: Final = _definition(
    "revenue_churn",
    "Revenue lost",
    "revenue before of customers who did not buy in the window / revenue before × 100",
    Unit.PERCENT,
    Breakdown.CURRENCY,
)
_LIFETIME: Final = _definition(
    "lifetime_value",
    "Customer lifetime value",
    "order value until the end of the window / customers who paid in this currency until then",
    Unit.MINOR,
    Breakdown.CURRENCY,
)
_LTV_TO_CAC: Final = _definition(
    "ltv_to_cac",
    "Customer value to acquisition cost",
    "lifetime value / cost of acquiring a customer",
    Unit.RATIO,
    Breakdown.CURRENCY,
)
_PROMOTERS: Final = _definition("net_promoter_score", "Would recommend", "promoters % − detractors %", Unit.PERCENT)
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
    customers, before, retained = purchases.customers, purchases.customers_before, purchases.customers_retained
    note = f"E {customers}, N {customers - retained}, S {before}; a customer of a period has a purchase in it."
    currencies = sorted({*purchases.value, *purchases.value_ever, *purchases.value_before})
    return [
        figure_of(_REPEAT, purchases.customers_repeating, customers),
        figure_of(_RETAINED, retained, before, note=note),
        *(figure for currency in currencies or [""] for figure in _money(purchases, currency, cac_minor)),
        figure_of(_PROMOTERS, 0, 0, note=_NO_NPS),
    ]


def _money(purchases: PurchaseTotals, currency: str, cac_minor: int | None) -> list[Figure]:
    detail = currency or None
    value, orders = purchases.value.get(currency, 0), purchases.orders.get(currency, 0)
    before, lost = purchases.value_before.get(currency, 0), purchases.value_lost.get(currency, 0)
    ever, customers = purchases.value_ever.get(currency, 0), purchases.customers_ever.get(currency, 0)
    lifetime = ratio(ever, customers)
    to_cost = None if lifetime is None or cac_minor is None else ratio(lifetime, cac_minor)
    note = None if cac_minor is not None else _NO_CAC
    return [
        figure_of(_AVERAGE_ORDER, value, orders, detail),
        figure_of(_CHURN, lost, before, detail),
        figure_of(_LIFETIME, ever, customers, detail),
        Figure(_LTV_TO_CAC, to_cost, lifetime or 0, cac_minor, detail, note),
    ]
