"""`policies.limits` of merchant.yaml: how many new people a shop may text, and how much it may spend.

A public form, or a stolen key, can send texts to numbers whose holders are paid for each. Texts over a limit wait, and
the wait is shown; nothing is lost.
"""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from shared.config.model import FileModel, Whole
from shared.money import micros

_AMOUNT = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
NEVER_ADJACENT = 101
"""One more than are checked: no run of numbers is ever that long."""


def _amount(value: object) -> object:
    """Read whole numbers and quoted amounts; a number with a point is no exact amount in YAML."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('write an amount in quotes, such as "12.50", or as a whole number')  # noqa: TRY004 - pydantic's
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError('write an amount such as "12.50"') from None


def _exact(value: Decimal) -> Decimal:
    """Refuse what has no exact number of millionths."""
    if not value.is_finite() or value < 0 or value != value.quantize(Decimal("0.000001")):
        raise ValueError("an amount is not negative and has at most six digits after the point")
    return value


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    Field(ge=0, lt=10**9),
    AfterValidator(_exact),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": _AMOUNT}, {"type": "integer", "minimum": 0}]}),
]
"""An exact amount of money in the currency's main unit."""


class Spend(FileModel):
    """What a merchant's texts may cost in a UTC day; by the prices providers return when they accept a text."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """ISO 4217. A price in another currency, or none, counts as `estimate_per_part`."""
    per_day: Amount = Decimal(500)
    """Beyond it marketing waits until midnight UTC; other texts go on, and an alert fires."""
    hard_per_day: Amount = Decimal(1000)
    """Beyond it every text waits except answers to people who wrote."""
    estimate_per_part: Amount = Decimal("0.02")
    """What a part costs if its price is unknown."""

    @model_validator(mode="after")
    def _hard_is_harder(self) -> "Spend":
        if self.hard_per_day < self.per_day:
            raise ValueError("hard_per_day must not be below per_day")
        return self


class Limits(FileModel):
    """Bounds on texts to people new to this merchant, and on what a day's texts cost.

    A person is known after a text to them or from them, or a day after their first entry in the ledger.
    """

    new_people_per_hour: Annotated[Whole, Field(ge=0, le=1_000_000)] = 2000
    new_people_per_key_per_hour: Annotated[Whole, Field(ge=0, le=1_000_000)] = 1000
    """Of those, how many requested by one API key."""
    new_people_per_prefix_per_hour: Annotated[Whole, Field(ge=0, le=60_000)] = 50
    """Of those, how many whose numbers differ in their last four digits alone."""
    adjacent_numbers: Annotated[Whole, Field(ge=5, le=NEVER_ADJACENT)] = 20
    """So many neighbours among an hour's last 100 new people hold texts to new people until an operator looks.

    Neighbours differ in their last two digits alone. 101: never.
    """
    spend: Spend = Spend()


def in_micros(amount: Decimal) -> int:
    """Return an amount in millionths of its currency's unit."""
    return micros(str(amount)) or 0
