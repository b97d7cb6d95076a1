"""Money: decimal amounts as shops write them, to minor units, exactly."""

from decimal import Decimal, InvalidOperation

from shared.events.trigger import MOST_MINOR
from shared.money import digits_of


class InexactAmount(ValueError):  # noqa: N818 - a finding about an amount, turned into a value by the sources
    """The amount is not a whole number of the currency's minor units."""


def minor_units(amount: str | float, currency: str) -> int:
    """Return an amount in minor units; never rounds.

    Args:
        amount: as the shop wrote it, such as ``"49.00"``.
        currency: ISO 4217 code in upper case; an unlisted one has two decimals.

    Raises:
        InexactAmount: it is not a number, or finer than the currency's minor unit.
    """
    try:
        scaled = Decimal(str(amount)).scaleb(digits_of(currency))
        minor = int(scaled)
    except (InvalidOperation, ValueError, OverflowError):
        raise InexactAmount("not an amount") from None
    if minor != scaled or abs(minor) > MOST_MINOR:
        raise InexactAmount(f"not a whole number of minor units of {currency}")
    return minor
