"""Dates of consents from outside: what cannot be read costs a permission its place, and a withdrawal only its date."""

from datetime import datetime

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler

from shared.events.consent import ConsentAct


def undated_where_withdrawn(
    value: object, read: ValidatorFunctionWrapHandler, about: ValidationInfo
) -> datetime | None:
    """Return the instant; None where a withdrawal's cannot be read. The act has to be a field above this one.

    An undated withdrawal counts from when it came in, so it takes older permissions whatever its date was meant to be.
    """
    try:
        found: datetime | None = read(value)
    except ValidationError:
        if about.data.get("event") is ConsentAct.REVOKED:
            return None
        raise
    return found
