"""Amounts: from decimal text to minor units and millionths, exactly, and how a person reads them."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from shared.events.trigger import MOST_MINOR

MICROS = 1_000_000
"""Prices of texts are stored in millionths of the currency's unit: they have fractions of a cent."""
_MOST_MICROS = 10**15

_DIGITS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""ISO 4217, list one: currencies that do not have two digits after the point."""
_SIGNS: Mapping[str, str] = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "CAD": "CA$",
    "AUD": "A$",
    "NZD": "NZ$",
    "MXN": "MX$",
    "BRL": "R$",
}
"""Signs that GSM-7 has; any other sign would halve the length of a text's parts, so the currency's code is written."""
_POINT_LANGUAGES = frozenset({"en", "ja", "zh", "ko", "th", "he", "hi", "ms", "fil", "cy", "ga"})
"""Languages that write 1,234.50 with the sign before it; all others write 1.234,50 with the sign after (CLDR)."""
_BLANK_GROUPS = frozenset(
    {"fr", "pl", "cs", "sk", "ru", "uk", "bg", "sv", "nb", "no", "nn", "fi", "hu", "et", "lv", "lt"}
)
_POINT_LOCALES = frozenset({"es-mx", "es-us", "es-pr", "es-do", "es-gt", "es-hn", "es-ni", "es-pa", "es-pe", "es-sv"})


class InexactAmount(ValueError):
    """The amount is not a whole number of the currency's minor units."""


def minor_units(amount: str | float, currency: str) -> int:
    """Return an amount in minor units of a currency (ISO 4217; an unlisted one has two decimals); never rounds.

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


def micros_per_minor(currency: str) -> int:
    """Return how many millionths of the currency's unit its minor unit is: 10,000 for a cent, 1,000,000 for a yen."""
    return int(MICROS // 10 ** digits_of(currency))


def micros(amount: str) -> int | None:
    """Return a price such as ``-0.0079`` in millionths of its currency's unit, without its sign; None for no price."""
    try:
        exact = abs(Decimal(amount)) * MICROS
    except InvalidOperation:
        return None
    return int(exact.to_integral_value(ROUND_HALF_EVEN)) if exact.is_finite() and exact < _MOST_MICROS else None


def digits_of(currency: str) -> int:
    """Return how many digits a currency has after the point."""
    return _DIGITS.get(currency.upper(), 2)


def money(minor: int | None, currency: str | None) -> str:
    """Return an amount in major units, with its currency's number of decimals and its code: 1,234.50 USD."""
    value = minor or 0
    digits = digits_of(currency or "")
    text = f"{abs(value) / 10**digits:,.{digits}f}"
    return f"{'−' if value < 0 else ''}{text} {currency or ''}".strip()


def written(amount_minor: int, currency: str, locale: str = "en") -> str:
    """Return minor units (cents, yen, fils) as a person of a locale (BCP 47) reads them, in characters of GSM-7."""
    code, digits = currency.upper(), digits_of(currency)
    plain = f"{abs(Decimal(amount_minor)).scaleb(-digits):,.{digits}f}"
    sign, minus = _SIGNS.get(code), "-" if amount_minor < 0 else ""
    name = locale.replace("_", "-").casefold()
    language = name.split("-", maxsplit=1)[0]
    if language in _POINT_LANGUAGES or name in _POINT_LOCALES:
        return f"{minus}{sign}{plain}" if sign else f"{minus}{code} {plain}"
    group = " " if language in _BLANK_GROUPS else "."
    return f"{minus}{plain.replace(',', '_').replace('.', ',').replace('_', group)} {sign or code}"
