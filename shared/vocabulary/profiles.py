"""How a merchant reads the rules that spare consenting people."""

from enum import StrEnum


class Profile(StrEnum):
    """How consent bears on solicitation-hour laws (compliance section 1)."""

    STRICT = "strict"
    """The hours bind whatever a person has agreed to."""
    CONSENT_AWARE = "consent_aware"
    """A law that exempts consenting people does not bind texts to them."""
